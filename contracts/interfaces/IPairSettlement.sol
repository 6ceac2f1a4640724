// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOperatorRegistry} from "./IOperatorRegistry.sol";

/// @title Where pairs are decided
/// @notice Anchors batches of prepared pairs, decides each pair once, and compares what both operators say they executed.
///
/// States of a pair:
///
///   Unknown --prepare--> Prepared --commit bit, until and including the deadline--> Committed
///                           |
///                           +--abort bit, or the deadline has passed--> Aborted
///
/// Committed and Aborted are for good. The deadline alone aborts: `pairStatus` says Aborted from the first block whose
/// timestamp is greater than the deadline, without any transaction. A batch whose deadline is already past when it is
/// prepared is born aborted; it uses its sequence up, so that no lane is ever blocked.
///
/// States of a batch's reconciliation: None → ByInitiator or ByAcceptor → Reconciled or Discrepancy. Where both
/// operators are the same one ("on-us"), its one attestation reconciles. A Discrepancy → Resolved by `resolve`.
///
/// Who may call: `prepare` anyone, since the two signatures authorise it; `decide` and `settle` the acceptor's account;
/// `attest` the account of the operator that attests; `resolve` anyone, with both operators' signatures. Only Active operators start something (`prepare`, and `settle` of
/// a batch not yet prepared); one that is suspended or retired can decide, attest and resolve what is prepared. Nobody else can
/// do anything: there is no owner, no pause, no upgrade.
///
/// Pair i of a batch is the bit of value 2^(i mod 256) in word ⌊i/256⌋.
///
/// Assumed of outside parts: the registry tells the truth about status, accounts and signatures; block timestamps do not
/// decrease. A call that reverts changes nothing. An error that is about one element of an array names its position.
interface IPairSettlement {
    /// @param initiator Operator of the first user.
    /// @param acceptor Operator of the second user; it alone decides.
    /// @param sequence 1, 2, 3… in each direction initiator → acceptor, without gaps.
    /// @param deadline Unix seconds; the last second at which a pair can be decided.
    /// @param count Number of pairs, 1 … 4096.
    /// @param root Merkle Tree Hash of RFC 9162 (SHA-256) over the leaves of the pairs.
    struct Batch {
        uint32 initiator;
        uint32 acceptor;
        uint64 sequence;
        uint40 deadline;
        uint16 count;
        bytes32 root;
    }

    /// @notice Decisions for the 256 pairs of one word.
    struct Decision {
        bytes32 batchId;
        uint16 word;
        uint256 commitMask;
        uint256 abortMask;
    }

    /// @param executedDigest The salted digest of what the operator executed; equal for both if all is well.
    struct Attestation {
        bytes32 batchId;
        bytes32 executedDigest;
    }

    enum PairStatus {
        Unknown,
        Prepared,
        Committed,
        Aborted
    }

    /// @notice Whose attestation of a batch is there, and whether the two agree.
    enum Reconciliation {
        None,
        ByInitiator,
        ByAcceptor,
        Reconciled,
        Discrepancy,
        Resolved
    }

    event BatchPrepared(
        bytes32 indexed batchId,
        uint32 indexed initiator,
        uint32 indexed acceptor,
        uint64 sequence,
        uint40 deadline,
        uint16 count,
        bytes32 root
    );
    /// @notice The masks hold the bits that this decision set; a decision that sets none has no event.
    event PairsDecided(bytes32 indexed batchId, uint16 indexed word, uint256 commitMask, uint256 abortMask);
    /// @notice The deadline was past: nothing of this decision counts.
    event DecisionTooLate(bytes32 indexed batchId, uint16 indexed word);
    event BatchAttested(bytes32 indexed batchId, uint32 indexed operatorId, bytes32 executedDigest);
    event BatchReconciled(bytes32 indexed batchId);
    event BatchDiscrepancy(bytes32 indexed batchId, bytes32 initiatorDigest, bytes32 acceptorDigest);
    /// @param resolution The salted digest of what both have agreed on since.
    event BatchResolved(bytes32 indexed batchId, bytes32 resolution);

    error PairSettlementNoRegistry(address registry);
    error PairSettlementOperatorNotActive(uint32 operatorId, IOperatorRegistry.OperatorStatus actual);
    /// @param digest What had to be signed: the batchId, or what `resolutionDigestOf` gives.
    error PairSettlementInvalidSignature(bytes32 digest, uint32 operatorId, bytes signature);
    error PairSettlementWrongSequence(uint32 initiator, uint32 acceptor, uint64 expected, uint64 actual);
    error PairSettlementDeadlineTooFar(bytes32 batchId, uint256 latest, uint40 actual);
    error PairSettlementInvalidCount(bytes32 batchId, uint16 most, uint16 actual);
    error PairSettlementNotOperatorAccount(uint32 operatorId, address actual);
    /// @notice `settle` was given a decision of another batch.
    error PairSettlementForeignDecision(uint256 entry, bytes32 expected, bytes32 actual);
    error PairSettlementUnknownBatch(uint256 entry, bytes32 batchId);
    /// @notice One decision says both of the same pairs.
    error PairSettlementContradiction(uint256 entry, bytes32 batchId, uint16 word, uint256 both);
    /// @param beyond The bits at or past `count`.
    error PairSettlementBeyondCount(uint256 entry, bytes32 batchId, uint16 word, uint16 count, uint256 beyond);
    /// @notice Pairs that were decided the other way before.
    /// @param committed Of those now to be aborted, the ones that are committed.
    /// @param aborted Of those now to be committed, the ones that are aborted.
    error PairSettlementAlreadyDecided(uint256 entry, bytes32 batchId, uint16 word, uint256 committed, uint256 aborted);
    error PairSettlementNotAcceptorAccount(uint256 entry, bytes32 batchId, uint32 acceptor, address actual);
    error PairSettlementNotParty(uint256 entry, bytes32 batchId, uint32 initiator, uint32 acceptor, uint32 actual);
    /// @notice Pairs are open and the deadline is not past: there is nothing to attest yet.
    error PairSettlementStillOpen(uint256 entry, bytes32 batchId, uint40 deadline, uint256 timestamp);
    error PairSettlementAlreadyAttested(
        uint256 entry,
        bytes32 batchId,
        uint32 operatorId,
        bytes32 attested,
        bytes32 actual
    );
    error PairSettlementNoDiscrepancy(bytes32 batchId, Reconciliation actual);

    /// @notice Anchors a batch. A batch that is already prepared is found first: its id is returned, nothing changes and
    /// nothing else is checked. Refused, in this order: an operator that is not Active (initiator first); a signature that
    /// is not its operator's (initiator's first); a sequence that is not the lane's next; a deadline more than the
    /// registry's `maxWindow` away (one that is past is none); a count of 0 or above 4096.
    function prepare(
        Batch calldata batch,
        bytes calldata initiatorSignature,
        bytes calldata acceptorSignature
    ) external returns (bytes32 batchId);

    /// @notice Decides pairs of one or many batches, in order; decisions of one batch cost least side by side. A decision
    /// whose deadline is past is skipped with `DecisionTooLate`; any other fault reverts the whole call. Refused, for each
    /// entry in this order: a batch not prepared; a caller that is not its acceptor's account; (past the deadline: skipped;)
    /// a pair both committed and aborted; a pair at or past `count`; a pair decided the other way before. Deciding a pair
    /// again as it is decided changes nothing and is no error.
    function decide(Decision[] calldata decisions) external;

    /// @notice `prepare` and `decide` at once, for pairs accepted before their batch was anchored; finding the batch
    /// prepared is as good as preparing it. Refused, in this order: a caller that is not the acceptor's account; what
    /// `prepare` refuses; a decision of another batch; what `decide` refuses.
    function settle(
        Batch calldata batch,
        bytes calldata initiatorSignature,
        bytes calldata acceptorSignature,
        Decision[] calldata decisions
    ) external returns (bytes32 batchId);

    /// @notice Says what an operator executed. Refused, in this order: a caller that is not that operator's account; for
    /// each entry, a batch not prepared; an operator that is neither of its two; a batch with open pairs whose deadline is
    /// not past; a second attestation.
    function attest(uint32 operatorId, Attestation[] calldata attestations) external;

    /// @notice Ends a discrepancy that both operators have cleared up between them. What they attested stays as it is.
    /// Refused, in this order: a batch without a discrepancy, a resolved one too; a signature of `resolutionDigestOf` that
    /// is not its operator's (initiator's first).
    function resolve(
        bytes32 batchId,
        bytes32 resolution,
        bytes calldata initiatorSignature,
        bytes calldata acceptorSignature
    ) external;

    /// @notice `Unknown` for a batch not prepared and for an index at or past its count.
    function pairStatus(bytes32 batchId, uint16 index) external view returns (PairStatus);

    /// @notice The EIP-712 digest that both operators sign; domain `Tandem`, version `1`, this chain and contract.
    function batchIdOf(Batch calldata batch) external view returns (bytes32);

    /// @notice The EIP-712 digest, in the domain of `batchIdOf`, of `Resolution(bytes32 batchId,bytes32 resolution)`.
    function resolutionDigestOf(bytes32 batchId, bytes32 resolution) external view returns (bytes32);

    /// @notice The sequence that the next batch of this lane must have, from 1.
    function nextSequence(uint32 initiator, uint32 acceptor) external view returns (uint64);

    /// @notice Whether `leaf` is pair `index` of a batch that is prepared, by an inclusion proof as in RFC 9162 §2.1.3.
    function verifyPair(
        Batch calldata batch,
        uint16 index,
        bytes calldata leaf,
        bytes32[] calldata proof
    ) external view returns (bool);

    /// @notice The whole outcome of a batch: pair i is committed if its commit bit is set; aborted if its abort bit is, or
    /// if the commit bit is not and the deadline is past. Arrays have one word for each 256 pairs begun.
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
        );

    /// @notice What that operator attested for the batch; zero if it has not.
    function executedDigestOf(bytes32 batchId, uint32 operatorId) external view returns (bytes32);

    function reconciliationOf(bytes32 batchId) external view returns (Reconciliation);

    /// @notice The registry that says who the operators are; fixed at deployment.
    function REGISTRY() external view returns (IOperatorRegistry);
}
