// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOperatorRegistry} from "../../../contracts/interfaces/IOperatorRegistry.sol";
import {IPairSettlement} from "../../../contracts/interfaces/IPairSettlement.sol";
import {OperatorRegistry} from "../../../contracts/OperatorRegistry.sol";
import {PairSettlement} from "../../../contracts/PairSettlement.sol";
import {YesWallet} from "../mocks/Wallets.sol";
import {FuzzSelector, Vm, vm} from "./Vm.sol";

/// @notice Does one thing at a time to the settlement, and knows of each whether it must succeed. The log of the contract is
/// folded into a model as it comes; the model is what storage is compared with.
contract SettlementHandler {
    uint256 private constant WORDS = 3;
    uint32 private constant OPERATORS = 3;
    uint40 private constant WINDOW = 1 days;

    struct Model {
        bytes32 batchId;
        uint32 initiator;
        uint32 acceptor;
        uint40 deadline;
        uint16 count;
        uint256[WORDS] committed;
        uint256[WORDS] aborted;
        bytes32[2] digests;
        bool[2] attested;
        bool reconciled;
        bool discrepancy;
        bool resolved;
    }

    OperatorRegistry public immutable REGISTRY;
    PairSettlement public immutable SETTLEMENT;
    Model[] private _models;
    mapping(bytes32 batchId => uint256 position) private _positions;
    mapping(uint32 initiator => mapping(uint32 acceptor => uint64)) public lastSequence;
    /// @notice The batch that the latest call was about.
    uint256 public touched;

    constructor() {
        IOperatorRegistry.Finality memory finality = IOperatorRegistry.Finality(
            IOperatorRegistry.FinalityMode.Depth,
            0
        );
        REGISTRY = new OperatorRegistry(address(this), uint32(WINDOW), finality);
        SETTLEMENT = new PairSettlement(REGISTRY);
        bytes memory signer = abi.encodePacked(address(new YesWallet()));
        for (uint32 id = 1; id <= OPERATORS; ++id) {
            string memory handle = string(abi.encodePacked("operator ", bytes1(uint8(48 + id))));
            REGISTRY.admit(
                handle,
                address(uint160(1000 + id)),
                accountOf(id),
                signer,
                bytes32(uint256(id)),
                "https://"
            );
        }
        vm.warp(1_800_000_000);
        vm.recordLogs();
    }

    // ------------------------------------------------------------------ what can happen

    function prepare(uint256 parties, uint256 sequence, uint256 until, uint256 count) external {
        IPairSettlement.Batch memory batch;
        batch.initiator = _operator(parties);
        batch.acceptor = _operator(parties >> 8);
        uint64 expected = lastSequence[batch.initiator][batch.acceptor] + 1;
        // Three times of four the one that is next.
        batch.sequence = sequence % 4 == 0 ? uint64((sequence >> 8) % 6) : expected;
        batch.deadline = uint40(block.timestamp + (until % (WINDOW + WINDOW / 8)) - WINDOW / 16);
        batch.count = uint16(count % (WORDS * 256 + 2));
        batch.root = bytes32(sequence);
        bool valid =
            REGISTRY.isActive(batch.initiator) &&
                REGISTRY.isActive(batch.acceptor) &&
                batch.sequence == expected &&
                batch.deadline <= block.timestamp + WINDOW &&
                batch.count != 0;
        bool found = _positions[SETTLEMENT.batchIdOf(batch)] != 0;
        // Anyone may carry it, and the count past three words is left out: the model has no room.
        if (batch.count > WORDS * 256) return;
        _call(valid || found, address(this), abi.encodeCall(IPairSettlement.prepare, (batch, "", "")));
    }

    function decide(uint256 batch, uint256 caller, uint16 word, uint256 commits, uint256 aborts) external {
        if (_models.length == 0) return;
        Model storage model = _touch(batch);
        word = word % uint16(WORDS + 1);
        uint256 all = _allOf(model.count, word);
        // Half of the time within the batch and without contradiction; often the whole word.
        if (caller & 1 == 0) (commits, aborts) = (commits & all, aborts & all & ~commits);
        if (caller & 6 == 6) (commits, aborts) = (all, 0);
        address account = caller & 24 == 24 ? accountOf(_operator(caller >> 8)) : accountOf(model.acceptor);
        bool late = block.timestamp > model.deadline;
        bool fits = commits & aborts == 0 && (commits | aborts) & ~all == 0;
        if (word < WORDS) fits = fits && commits & model.aborted[word] == 0 && aborts & model.committed[word] == 0;
        IPairSettlement.Decision[] memory decisions = new IPairSettlement.Decision[](1);
        decisions[0] = IPairSettlement.Decision(model.batchId, word, commits, aborts);
        bool mayDecide = account == accountOf(model.acceptor);
        _call(mayDecide && (late || fits), account, abi.encodeCall(IPairSettlement.decide, (decisions)));
    }

    function attest(uint256 batch, uint256 who, bytes32 digest) external {
        if (_models.length == 0) return;
        Model storage model = _touch(batch);
        uint32 operatorId =
            who & 3 == 3
                ? _operator(who >> 8)
                : who & 1 == 0
                    ? model.initiator
                    : model.acceptor;
        bool party = operatorId == model.initiator || operatorId == model.acceptor;
        bool ended = block.timestamp > model.deadline || _undecided(model) == 0;
        bool first = !model.attested[_side(model, operatorId)];
        IPairSettlement.Attestation[] memory attestations = new IPairSettlement.Attestation[](1);
        attestations[0] = IPairSettlement.Attestation(model.batchId, bytes32(uint256(digest) % 3));
        _call(
            party && ended && first,
            accountOf(operatorId),
            abi.encodeCall(IPairSettlement.attest, (operatorId, attestations))
        );
    }

    function resolve(uint256 batch, bytes32 resolution) external {
        if (_models.length == 0) return;
        Model storage model = _touch(batch);
        bool open = model.discrepancy && !model.resolved;
        _call(open, address(this), abi.encodeCall(IPairSettlement.resolve, (model.batchId, resolution, "", "")));
    }

    function suspend(uint256 which) external {
        uint32 operatorId = _operator(which);
        if (REGISTRY.isActive(operatorId)) REGISTRY.suspend(operatorId);
        else REGISTRY.reinstate(operatorId);
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + (time % (WINDOW / 4)));
    }

    // ------------------------------------------------------------------ what the log says

    /// @dev Calls, compares success, and folds what was logged.
    function _call(bool expected, address caller, bytes memory data) private {
        vm.prank(caller);
        (bool success, ) = address(SETTLEMENT).call(data);
        require(success == expected, expected ? "was refused" : "was not refused");
        _fold();
    }

    function _fold() private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            (bytes32 name, bytes32[] memory topics, bytes memory data) = (
                logs[i].topics[0],
                logs[i].topics,
                logs[i].data
            );
            if (name == IPairSettlement.BatchPrepared.selector) {
                _foldPrepared(topics, data);
                continue;
            }
            if (_positions[topics[1]] == 0) continue;
            Model storage model = _models[_positions[topics[1]] - 1];
            if (name == IPairSettlement.PairsDecided.selector) {
                (uint256 commits, uint256 aborts) = abi.decode(data, (uint256, uint256));
                uint256 word = uint256(topics[2]);
                require(block.timestamp <= model.deadline, "decided after the deadline");
                uint256 known = model.committed[word] | model.aborted[word];
                require((commits | aborts) & known == 0 && commits & aborts == 0, "a bit was set twice");
                model.committed[word] |= commits;
                model.aborted[word] |= aborts;
            } else if (name == IPairSettlement.BatchAttested.selector) {
                uint256 side = _side(model, uint32(uint256(topics[2])));
                require(!model.attested[side], "attested twice");
                model.attested[side] = true;
                model.digests[side] = abi.decode(data, (bytes32));
            } else if (name == IPairSettlement.BatchReconciled.selector) {
                model.reconciled = true;
            } else if (name == IPairSettlement.BatchDiscrepancy.selector) {
                model.discrepancy = true;
            } else if (name == IPairSettlement.BatchResolved.selector) {
                model.resolved = true;
            }
        }
    }

    function _foldPrepared(bytes32[] memory topics, bytes memory data) private {
        (uint64 sequence, uint40 deadline, uint16 count, ) = abi.decode(data, (uint64, uint40, uint16, bytes32));
        (uint32 initiator, uint32 acceptor) = (uint32(uint256(topics[2])), uint32(uint256(topics[3])));
        require(sequence == lastSequence[initiator][acceptor] + 1, "a gap or a repeat");
        require(REGISTRY.isActive(initiator) && REGISTRY.isActive(acceptor), "started by one that is suspended");
        lastSequence[initiator][acceptor] = sequence;
        Model storage model = _models.push();
        model.batchId = topics[1];
        model.initiator = initiator;
        model.acceptor = acceptor;
        model.deadline = deadline;
        model.count = count;
        _positions[topics[1]] = _models.length;
        touched = _models.length - 1;
    }

    // ------------------------------------------------------------------ comparisons

    function batches() external view returns (uint256) {
        return _models.length;
    }

    function compare(uint256 position) external view {
        Model storage model = _models[position];
        (bool prepared, uint40 deadline, uint16 count, uint256[] memory commits, uint256[] memory aborts) = SETTLEMENT
            .batchOutcome(model.batchId);
        require(prepared && deadline == model.deadline && count == model.count, "another batch");
        require(commits.length == (uint256(count) + 255) / 256 && aborts.length == commits.length, "other words");
        for (uint256 word = 0; word < commits.length; ++word) {
            require(commits[word] == model.committed[word] && aborts[word] == model.aborted[word], "other bits");
            require(commits[word] & aborts[word] == 0, "committed and aborted");
            require((commits[word] | aborts[word]) & ~_allOf(count, word) == 0, "past count");
        }
        IPairSettlement.Reconciliation expected =
            model.resolved
                ? IPairSettlement.Reconciliation.Resolved
                : model.discrepancy
                    ? IPairSettlement.Reconciliation.Discrepancy
                    : model.reconciled
                        ? IPairSettlement.Reconciliation.Reconciled
                        : model.attested[0]
                            ? IPairSettlement.Reconciliation.ByInitiator
                            : model.attested[1]
                                ? IPairSettlement.Reconciliation.ByAcceptor
                                : IPairSettlement.Reconciliation.None;
        require(SETTLEMENT.reconciliationOf(model.batchId) == expected, "other reconciliation");
        bool onUs = model.initiator == model.acceptor;
        require(
            SETTLEMENT.executedDigestOf(model.batchId, model.initiator) == model.digests[0],
            "other digest of the initiator"
        );
        require(
            onUs || SETTLEMENT.executedDigestOf(model.batchId, model.acceptor) == model.digests[1],
            "other digest of the acceptor"
        );
    }

    /// @dev Whatever happened before: past its deadline every pair has ended, and both can say so, suspended or not.
    function finish(uint256 position) external {
        Model storage model = _models[position];
        if (block.timestamp <= model.deadline) vm.warp(uint256(model.deadline) + 1);
        for (uint256 i = 0; i < 3; ++i) {
            uint16 index = uint16((uint256(model.batchId) >> (16 * i)) % model.count);
            IPairSettlement.PairStatus status = SETTLEMENT.pairStatus(model.batchId, index);
            bool committed = (model.committed[index / 256] >> (index % 256)) & 1 == 1;
            require(
                status == (committed ? IPairSettlement.PairStatus.Committed : IPairSettlement.PairStatus.Aborted),
                "a pair without an end"
            );
        }
        IPairSettlement.Attestation[] memory attestations = new IPairSettlement.Attestation[](1);
        attestations[0] = IPairSettlement.Attestation(model.batchId, "end");
        for (uint256 side = 0; side < 2; ++side) {
            uint32 operatorId = side == 0 ? model.initiator : model.acceptor;
            if (model.attested[_side(model, operatorId)]) continue;
            _call(true, accountOf(operatorId), abi.encodeCall(IPairSettlement.attest, (operatorId, attestations)));
        }
    }

    function accountOf(uint32 operatorId) public pure returns (address) {
        return address(uint160(2000 + operatorId));
    }

    function _touch(uint256 batch) private returns (Model storage) {
        touched = batch % _models.length;
        return _models[touched];
    }

    function _side(Model storage model, uint32 operatorId) private view returns (uint256) {
        return operatorId == model.initiator ? 0 : 1;
    }

    function _undecided(Model storage model) private view returns (uint256 undecided) {
        for (uint256 word = 0; word < WORDS; ++word) {
            undecided |= _allOf(model.count, word) & ~(model.committed[word] | model.aborted[word]);
        }
    }

    function _operator(uint256 seed) private pure returns (uint32) {
        return 1 + uint32(seed % OPERATORS);
    }

    function _allOf(uint256 count, uint256 word) private pure returns (uint256) {
        if (count <= word * 256) return 0;
        uint256 pairs = count - word * 256;
        return pairs >= 256 ? type(uint256).max : (1 << pairs) - 1;
    }
}

/// @notice Whatever happens in whatever order: the contract is what its log says, and every pair can end.
contract SettlementInvariants {
    SettlementHandler private _handler;

    function setUp() external {
        _handler = new SettlementHandler();
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](6);
        selectors[0] = SettlementHandler.prepare.selector;
        selectors[1] = SettlementHandler.decide.selector;
        selectors[2] = SettlementHandler.attest.selector;
        selectors[3] = SettlementHandler.resolve.selector;
        selectors[4] = SettlementHandler.suspend.selector;
        selectors[5] = SettlementHandler.pass.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(_handler), selectors);
    }

    /// @dev One that is nobody else: the handler says who acts.
    function targetSenders() external pure returns (address[] memory senders) {
        senders = new address[](1);
        senders[0] = address(0x5e9d);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// @dev Also: a bit is set once and never after the deadline, only by the acceptor; sequences have no gap and no repeat;
    /// who is suspended starts nothing and finishes everything. The handler reverts when one of these does not hold.
    function invariant_storageIsWhatTheLogSays() external view {
        uint256 batches = _handler.batches();
        if (batches != 0) _handler.compare(_handler.touched());
    }

    function afterInvariant() external {
        uint256 batches = _handler.batches();
        for (uint256 position = 0; position < batches; ++position) _handler.compare(position);
        for (uint256 position = 0; position < batches; ++position) _handler.finish(position);
        for (uint256 position = 0; position < batches; ++position) _handler.compare(position);
        for (uint32 initiator = 1; initiator <= 3; ++initiator) {
            for (uint32 acceptor = 1; acceptor <= 3; ++acceptor) {
                require(
                    _handler.SETTLEMENT().nextSequence(initiator, acceptor) ==
                        _handler.lastSequence(initiator, acceptor) + 1,
                    "another next sequence"
                );
            }
        }
    }
}
