// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IOperatorRegistry} from "./interfaces/IOperatorRegistry.sol";
import {IPairSettlement} from "./interfaces/IPairSettlement.sol";
import {InclusionProof} from "./libraries/InclusionProof.sol";

/// @title PairSettlement
/// @notice The manual is {IPairSettlement}. Read `_prepare`, `_decide`, `_attest` and `resolve`: they are all that
/// writes.
contract PairSettlement is IPairSettlement, EIP712, Multicall {
    /// @dev One slot:
    ///
    ///   bits   0–31 initiator | 32–63 acceptor | 64–127 sequence | 128–167 deadline | 168–183 count
    ///        184–199 decidedWords | 200–215 storedWords | 216–223 reconciliation
    ///
    /// Each bit of `decidedWords` and `storedWords` is a word of 256 pairs:
    ///
    ///   decided  stored
    ///      0       0     no pair of it is decided
    ///      0       1     some are; the bitmaps say which
    ///      1       1     all are; the bitmaps say how
    ///      1       0     all were committed at one stroke, and no bitmap was written
    ///
    /// `count` is never 0 in a batch that is prepared.
    struct Header {
        uint32 initiator;
        uint32 acceptor;
        uint64 sequence;
        uint40 deadline;
        uint16 count;
        uint16 decidedWords;
        uint16 storedWords;
        Reconciliation reconciliation;
    }

    struct Bitmaps {
        uint256 committed;
        uint256 aborted;
    }

    /// @dev When the two agree only the first is written.
    struct Digests {
        bytes32 byInitiator;
        bytes32 byAcceptor;
    }

    uint16 public constant MAX_COUNT = 4096;
    uint256 private constant WORD_BITS = 256;

    /// @dev keccak256("Batch(uint32 initiator,uint32 acceptor,uint64 sequence,uint40 deadline,uint16 count,bytes32 root)")
    bytes32 public constant BATCH_TYPEHASH = keccak256(
        "Batch(uint32 initiator,uint32 acceptor,uint64 sequence,uint40 deadline,uint16 count,bytes32 root)"
    );

    /// @dev keccak256("Resolution(bytes32 batchId,bytes32 resolution)")
    bytes32 public constant RESOLUTION_TYPEHASH = keccak256("Resolution(bytes32 batchId,bytes32 resolution)");

    /// @inheritdoc IPairSettlement
    IOperatorRegistry public immutable REGISTRY;

    mapping(bytes32 batchId => Header) private _headers;
    mapping(bytes32 batchId => mapping(uint256 word => Bitmaps)) private _bitmaps;
    mapping(bytes32 batchId => Digests) private _digests;
    mapping(uint32 initiator => mapping(uint32 acceptor => uint64)) private _lastSequence;

    constructor(IOperatorRegistry registry) EIP712("Tandem", "1") {
        if (address(registry).code.length == 0) revert PairSettlementNoRegistry(address(registry));
        REGISTRY = registry;
    }

    // ------------------------------------------------------------------ the life of a batch

    /// @inheritdoc IPairSettlement
    function prepare(
        Batch calldata batch,
        bytes calldata initiatorSignature,
        bytes calldata acceptorSignature
    ) external returns (bytes32 batchId) {
        return _prepare(batch, initiatorSignature, acceptorSignature);
    }

    /// @inheritdoc IPairSettlement
    function decide(Decision[] calldata decisions) external {
        _decide(decisions, 0);
    }

    /// @inheritdoc IPairSettlement
    function settle(
        Batch calldata batch,
        bytes calldata initiatorSignature,
        bytes calldata acceptorSignature,
        Decision[] calldata decisions
    ) external returns (bytes32 batchId) {
        _requireAccount(batch.acceptor);
        batchId = _prepare(batch, initiatorSignature, acceptorSignature);
        for (uint256 i = 0; i < decisions.length; ++i) {
            if (decisions[i].batchId != batchId) {
                revert PairSettlementForeignDecision(i, batchId, decisions[i].batchId);
            }
        }
        _decide(decisions, batch.acceptor);
    }

    /// @inheritdoc IPairSettlement
    function attest(uint32 operatorId, Attestation[] calldata attestations) external {
        _requireAccount(operatorId);
        for (uint256 i = 0; i < attestations.length; ++i) {
            _attest(i, operatorId, attestations[i].batchId, attestations[i].executedDigest);
        }
    }

    /// @inheritdoc IPairSettlement
    function resolve(
        bytes32 batchId,
        bytes32 resolution,
        bytes calldata initiatorSignature,
        bytes calldata acceptorSignature
    ) external {
        Header storage header = _headers[batchId];
        if (header.reconciliation != Reconciliation.Discrepancy) {
            revert PairSettlementNoDiscrepancy(batchId, header.reconciliation);
        }
        bytes32 digest = resolutionDigestOf(batchId, resolution);
        _requireSignature(digest, header.initiator, initiatorSignature);
        _requireSignature(digest, header.acceptor, acceptorSignature);

        header.reconciliation = Reconciliation.Resolved;

        emit BatchResolved(batchId, resolution);
    }

    function _prepare(
        Batch calldata batch,
        bytes calldata initiatorSignature,
        bytes calldata acceptorSignature
    ) private returns (bytes32 batchId) {
        batchId = batchIdOf(batch);
        if (_headers[batchId].count != 0) return batchId;
        _requireActive(batch.initiator);
        _requireActive(batch.acceptor);
        _requireSignature(batchId, batch.initiator, initiatorSignature);
        _requireSignature(batchId, batch.acceptor, acceptorSignature);
        uint64 expected = nextSequence(batch.initiator, batch.acceptor);
        if (batch.sequence != expected) {
            revert PairSettlementWrongSequence(batch.initiator, batch.acceptor, expected, batch.sequence);
        }
        uint256 latest = block.timestamp + REGISTRY.maxWindow();
        if (batch.deadline > latest) revert PairSettlementDeadlineTooFar(batchId, latest, batch.deadline);
        if (batch.count == 0 || batch.count > MAX_COUNT) {
            revert PairSettlementInvalidCount(batchId, MAX_COUNT, batch.count);
        }

        _lastSequence[batch.initiator][batch.acceptor] = batch.sequence;
        _headers[batchId] = Header({
            initiator: batch.initiator,
            acceptor: batch.acceptor,
            sequence: batch.sequence,
            deadline: batch.deadline,
            count: batch.count,
            decidedWords: 0,
            storedWords: 0,
            reconciliation: Reconciliation.None
        });

        emit BatchPrepared(
            batchId,
            batch.initiator,
            batch.acceptor,
            batch.sequence,
            batch.deadline,
            batch.count,
            batch.root
        );
    }

    /// @dev The header is read and written once for decisions of one batch that stand side by side.
    /// @param authorised An acceptor whose account the caller is known to be; 0 if none.
    function _decide(Decision[] calldata decisions, uint32 authorised) private {
        bytes32 batchId;
        Header memory header;
        for (uint256 i = 0; i < decisions.length; ++i) {
            Decision calldata decision = decisions[i];
            if (i == 0 || decision.batchId != batchId) {
                if (i != 0) _headers[batchId] = header;
                batchId = decision.batchId;
                header = _headers[batchId];
                if (header.count == 0) revert PairSettlementUnknownBatch(i, batchId);
                if (header.acceptor != authorised) {
                    if (!REGISTRY.isAccount(header.acceptor, msg.sender)) {
                        revert PairSettlementNotAcceptorAccount(i, batchId, header.acceptor, msg.sender);
                    }
                    authorised = header.acceptor;
                }
            }
            if (block.timestamp > header.deadline) {
                emit DecisionTooLate(batchId, decision.word);
            } else {
                _decideWord(i, header, decision);
            }
        }
        if (decisions.length != 0) _headers[batchId] = header;
    }

    /// @dev Writes the word's bitmaps, and the header in memory.
    function _decideWord(uint256 entry, Header memory header, Decision calldata decision) private {
        (bytes32 batchId, uint16 word) = (decision.batchId, decision.word);
        uint256 all = _pairsOf(header.count, word);
        uint256 both = decision.commitMask & decision.abortMask;
        if (both != 0) revert PairSettlementContradiction(entry, batchId, word, both);
        uint256 beyond = (decision.commitMask | decision.abortMask) & ~all;
        if (beyond != 0) revert PairSettlementBeyondCount(entry, batchId, word, header.count, beyond);
        (uint256 committed, uint256 aborted) = _wordOf(header, batchId, word);
        if (decision.abortMask & committed != 0 || decision.commitMask & aborted != 0) {
            revert PairSettlementAlreadyDecided(
                entry,
                batchId,
                word,
                decision.abortMask & committed,
                decision.commitMask & aborted
            );
        }
        uint256 newlyCommitted = decision.commitMask & ~committed;
        uint256 newlyAborted = decision.abortMask & ~aborted;
        if (newlyCommitted | newlyAborted == 0) return;

        // From here the word has pairs, so it is one of 16 and its bit fits the header's masks.
        uint16 bit = uint16(1 << word);
        if (committed | aborted | newlyCommitted | newlyAborted == all) header.decidedWords |= bit;
        if (newlyCommitted != all) {
            header.storedWords |= bit;
            Bitmaps storage bitmaps = _bitmaps[batchId][word];
            if (newlyCommitted != 0) bitmaps.committed = committed | newlyCommitted;
            if (newlyAborted != 0) bitmaps.aborted = aborted | newlyAborted;
        }

        emit PairsDecided(batchId, word, newlyCommitted, newlyAborted);
    }

    function _attest(uint256 entry, uint32 operatorId, bytes32 batchId, bytes32 digest) private {
        Header storage header = _headers[batchId];
        (uint32 initiator, uint32 acceptor) = (header.initiator, header.acceptor);
        if (header.count == 0) revert PairSettlementUnknownBatch(entry, batchId);
        if (operatorId != initiator && operatorId != acceptor) {
            revert PairSettlementNotParty(entry, batchId, initiator, acceptor, operatorId);
        }
        if (header.decidedWords != _wordsOf(header.count) && block.timestamp <= header.deadline) {
            revert PairSettlementStillOpen(entry, batchId, header.deadline, block.timestamp);
        }
        Reconciliation before = header.reconciliation;
        Digests storage digests = _digests[batchId];
        Reconciliation own = operatorId == initiator ? Reconciliation.ByInitiator : Reconciliation.ByAcceptor;
        if (before == own || before > Reconciliation.ByAcceptor) {
            bytes32 attested = executedDigestOf(batchId, operatorId);
            revert PairSettlementAlreadyAttested(entry, batchId, operatorId, attested, digest);
        }
        bytes32 other = own == Reconciliation.ByInitiator ? digests.byAcceptor : digests.byInitiator;
        bool complete = before != Reconciliation.None || initiator == acceptor;
        bool agreed = complete && (initiator == acceptor || other == digest);

        header.reconciliation =
            agreed
                ? Reconciliation.Reconciled
                : complete
                    ? Reconciliation.Discrepancy
                    : own;
        if (before == Reconciliation.None || !agreed) {
            if (own == Reconciliation.ByInitiator) digests.byInitiator = digest;
            else digests.byAcceptor = digest;
        }

        emit BatchAttested(batchId, operatorId, digest);
        if (agreed) emit BatchReconciled(batchId);
        else if (complete) emit BatchDiscrepancy(batchId, digests.byInitiator, digests.byAcceptor);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IPairSettlement
    function pairStatus(bytes32 batchId, uint16 index) external view returns (PairStatus) {
        Header memory header = _headers[batchId];
        if (index >= header.count) return PairStatus.Unknown;
        (uint256 committed, uint256 aborted) = _wordOf(header, batchId, index / WORD_BITS);
        uint256 bit = 1 << (index % WORD_BITS);
        if (committed & bit != 0) return PairStatus.Committed;
        if (aborted & bit != 0 || block.timestamp > header.deadline) return PairStatus.Aborted;
        return PairStatus.Prepared;
    }

    /// @inheritdoc IPairSettlement
    function batchOutcome(
        bytes32 batchId
    )
        external
        view
        returns (
            bool prepared,
            uint40 deadline,
            uint16 count,
            uint256[] memory commitWords,
            uint256[] memory abortWords
        )
    {
        Header memory header = _headers[batchId];
        (deadline, count) = (header.deadline, header.count);
        prepared = count != 0;
        uint256 words = (count + WORD_BITS - 1) / WORD_BITS;
        commitWords = new uint256[](words);
        abortWords = new uint256[](words);
        for (uint256 word = 0; word < words; ++word) {
            (commitWords[word], abortWords[word]) = _wordOf(header, batchId, word);
        }
    }

    /// @inheritdoc IPairSettlement
    function verifyPair(
        Batch calldata batch,
        uint16 index,
        bytes calldata leaf,
        bytes32[] calldata proof
    ) external view returns (bool) {
        if (_headers[batchIdOf(batch)].count == 0) return false;
        return InclusionProof.verify(batch.root, batch.count, index, leaf, proof);
    }

    /// @inheritdoc IPairSettlement
    function reconciliationOf(bytes32 batchId) external view returns (Reconciliation) {
        return _headers[batchId].reconciliation;
    }

    /// @inheritdoc IPairSettlement
    function executedDigestOf(bytes32 batchId, uint32 operatorId) public view returns (bytes32) {
        Header storage header = _headers[batchId];
        Digests storage digests = _digests[batchId];
        if (operatorId != header.initiator && operatorId != header.acceptor) return bytes32(0);
        // Reconciled: one of the two was written and stands for both.
        if (header.reconciliation == Reconciliation.Reconciled) return digests.byInitiator | digests.byAcceptor;
        return operatorId == header.initiator ? digests.byInitiator : digests.byAcceptor;
    }

    /// @inheritdoc IPairSettlement
    function nextSequence(uint32 initiator, uint32 acceptor) public view returns (uint64) {
        return _lastSequence[initiator][acceptor] + 1;
    }

    /// @inheritdoc IPairSettlement
    function batchIdOf(Batch calldata batch) public view returns (bytes32) {
        return
            _hashTypedDataV4(
                keccak256(
                    abi.encode(
                        BATCH_TYPEHASH,
                        batch.initiator,
                        batch.acceptor,
                        batch.sequence,
                        batch.deadline,
                        batch.count,
                        batch.root
                    )
                )
            );
    }

    /// @inheritdoc IPairSettlement
    function resolutionDigestOf(bytes32 batchId, bytes32 resolution) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(RESOLUTION_TYPEHASH, batchId, resolution)));
    }

    // ------------------------------------------------------------------ guards and bit arithmetic

    function _requireActive(uint32 operatorId) private view {
        IOperatorRegistry.OperatorStatus status = REGISTRY.statusOf(operatorId);
        if (status != IOperatorRegistry.OperatorStatus.Active) {
            revert PairSettlementOperatorNotActive(operatorId, status);
        }
    }

    function _requireSignature(bytes32 digest, uint32 operatorId, bytes calldata signature) private view {
        if (!REGISTRY.checkSignature(operatorId, digest, signature)) {
            revert PairSettlementInvalidSignature(digest, operatorId, signature);
        }
    }

    function _requireAccount(uint32 operatorId) private view {
        if (!REGISTRY.isAccount(operatorId, msg.sender)) {
            revert PairSettlementNotOperatorAccount(operatorId, msg.sender);
        }
    }

    /// @dev The one place that reads what is decided.
    function _wordOf(
        Header memory header,
        bytes32 batchId,
        uint256 word
    ) private view returns (uint256 committed, uint256 aborted) {
        if ((header.storedWords >> word) & 1 == 1) {
            Bitmaps storage bitmaps = _bitmaps[batchId][word];
            return (bitmaps.committed, bitmaps.aborted);
        }
        if ((header.decidedWords >> word) & 1 == 1) return (_pairsOf(header.count, word), 0);
        return (0, 0);
    }

    /// @dev The bits of the pairs that a word has; none if it begins past `count`.
    function _pairsOf(uint256 count, uint256 word) private pure returns (uint256) {
        uint256 first = word * WORD_BITS;
        if (first >= count) return 0;
        uint256 pairs = count - first;
        return pairs >= WORD_BITS ? type(uint256).max : (1 << pairs) - 1;
    }

    /// @dev The bits of the words that a batch has.
    function _wordsOf(uint256 count) private pure returns (uint256) {
        return (1 << ((count + WORD_BITS - 1) / WORD_BITS)) - 1;
    }
}
