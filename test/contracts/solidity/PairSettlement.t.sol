// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOperatorRegistry} from "../../../contracts/interfaces/IOperatorRegistry.sol";
import {IPairSettlement} from "../../../contracts/interfaces/IPairSettlement.sol";
import {PairSettlement} from "../../../contracts/PairSettlement.sol";
import {PermissiveRegistry} from "../mocks/PermissiveRegistry.sol";
import {vm} from "./Vm.sol";

/// @notice Decisions against a model that keeps one status for each pair. The registry lets everybody act.
contract PairSettlementTest {
    uint256 private constant WORDS = 3;
    uint40 private constant START = 1_800_000_000;

    struct Step {
        uint16 word;
        uint256 commitMask;
        uint256 abortMask;
        bool whole;
        uint8 secondsLater;
    }

    PairSettlement private _settlement;
    uint256[WORDS] private _committed;
    uint256[WORDS] private _aborted;

    function setUp() external {
        _settlement = new PairSettlement(IOperatorRegistry(address(new PermissiveRegistry())));
        vm.warp(START);
    }

    function testFuzz_decisionsFollowTheModel(uint16 count, uint16 window, Step[8] calldata steps) external {
        count = uint16(1 + (count % (WORDS * 256)));
        uint40 deadline = START + (window % 512);
        bytes32 batchId = _settlement.prepare(_batch(1, deadline, count), "", "");
        for (uint256 i = 0; i < steps.length; ++i) {
            vm.warp(block.timestamp + steps[i].secondsLater);
            _step(batchId, count, deadline, steps[i]);
            _compare(batchId, count, deadline);
        }
    }

    function testFuzz_attestedOnceAndOnlyWhenEnded(uint16 count, uint256 open, bytes32 first, bytes32 second) external {
        count = uint16(1 + (count % 256));
        uint40 deadline = START + 100;
        bytes32 batchId = _settlement.prepare(_batch(1, deadline, count), "", "");
        uint256 all = _allOf(count, 0);
        open &= all;
        _decide(batchId, 0, all & ~open, 0);
        if (open != 0) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IPairSettlement.PairSettlementStillOpen.selector,
                    0,
                    batchId,
                    deadline,
                    block.timestamp
                )
            );
            _attest(1, batchId, first);
            vm.warp(deadline + 1);
        }
        _attest(1, batchId, first);
        _attest(2, batchId, second);
        IPairSettlement.Reconciliation expected =
            first == second ? IPairSettlement.Reconciliation.Reconciled : IPairSettlement.Reconciliation.Discrepancy;
        require(_settlement.reconciliationOf(batchId) == expected, "wrong reconciliation");
        require(_settlement.executedDigestOf(batchId, 1) == first, "the initiator's digest is lost");
        require(_settlement.executedDigestOf(batchId, 2) == second, "the acceptor's digest is lost");
    }

    function testFuzz_sequencesHaveNoGapAndNoRepeat(uint64[12] calldata tried) external {
        for (uint256 i = 0; i < tried.length; ++i) {
            uint64 next = _settlement.nextSequence(1, 2);
            IPairSettlement.Batch memory batch = _batch(tried[i] % 6, START + 100, 1);
            batch.root = bytes32(i);
            if (batch.sequence != next) {
                vm.expectRevert(
                    abi.encodeWithSelector(
                        IPairSettlement.PairSettlementWrongSequence.selector,
                        1,
                        2,
                        next,
                        batch.sequence
                    )
                );
            }
            _settlement.prepare(batch, "", "");
            require(_settlement.nextSequence(1, 2) == (batch.sequence == next ? next + 1 : next), "wrong next");
        }
    }

    function _step(bytes32 batchId, uint16 count, uint40 deadline, Step calldata step) private {
        uint16 word = step.word % uint16(WORDS + 1);
        uint256 all = _allOf(count, word);
        (uint256 commits, uint256 aborts) = (step.commitMask, step.abortMask);
        if (step.whole) (commits, aborts) = (all, 0);
        else if (step.secondsLater % 2 == 0) (commits, aborts) = (commits & all, aborts & all & ~commits);
        (uint256 committed, uint256 aborted) = word < WORDS ? (_committed[word], _aborted[word]) : (0, 0);
        if (block.timestamp > deadline) {
            _decide(batchId, word, commits, aborts);
            return;
        }
        if (commits & aborts != 0) {
            _expect(
                IPairSettlement.PairSettlementContradiction.selector,
                abi.encode(0, batchId, word, commits & aborts)
            );
        } else if ((commits | aborts) & ~all != 0) {
            bytes memory args = abi.encode(0, batchId, word, count, (commits | aborts) & ~all);
            _expect(IPairSettlement.PairSettlementBeyondCount.selector, args);
        } else if (commits & aborted != 0 || aborts & committed != 0) {
            bytes memory args = abi.encode(0, batchId, word, aborts & committed, commits & aborted);
            _expect(IPairSettlement.PairSettlementAlreadyDecided.selector, args);
        } else if (word < WORDS) {
            _committed[word] = committed | commits;
            _aborted[word] = aborted | aborts;
        }
        _decide(batchId, word, commits, aborts);
    }

    function _compare(bytes32 batchId, uint16 count, uint40 deadline) private view {
        (, , , uint256[] memory commitWords, uint256[] memory abortWords) = _settlement.batchOutcome(batchId);
        require(commitWords.length == (uint256(count) + 255) / 256, "wrong number of words");
        for (uint256 word = 0; word < commitWords.length; ++word) {
            require(commitWords[word] == _committed[word], "commit bits differ from the model");
            require(abortWords[word] == _aborted[word], "abort bits differ from the model");
        }
        uint16 sample = uint16(uint256(keccak256(abi.encode(batchId, block.timestamp))) % (WORDS * 256));
        require(_settlement.pairStatus(batchId, sample) == _statusOf(sample, count, deadline), "wrong status");
    }

    function _statusOf(uint16 index, uint16 count, uint40 deadline) private view returns (IPairSettlement.PairStatus) {
        if (index >= count) return IPairSettlement.PairStatus.Unknown;
        uint256 bit = 1 << (index % 256);
        if (_committed[index / 256] & bit != 0) return IPairSettlement.PairStatus.Committed;
        if (_aborted[index / 256] & bit != 0) return IPairSettlement.PairStatus.Aborted;
        return block.timestamp > deadline ? IPairSettlement.PairStatus.Aborted : IPairSettlement.PairStatus.Prepared;
    }

    function _expect(bytes4 selector, bytes memory args) private {
        vm.expectRevert(abi.encodePacked(selector, args));
    }

    function _decide(bytes32 batchId, uint16 word, uint256 commits, uint256 aborts) private {
        IPairSettlement.Decision[] memory decisions = new IPairSettlement.Decision[](1);
        decisions[0] = IPairSettlement.Decision(batchId, word, commits, aborts);
        _settlement.decide(decisions);
    }

    function _attest(uint32 operatorId, bytes32 batchId, bytes32 digest) private {
        IPairSettlement.Attestation[] memory attestations = new IPairSettlement.Attestation[](1);
        attestations[0] = IPairSettlement.Attestation(batchId, digest);
        _settlement.attest(operatorId, attestations);
    }

    function _batch(
        uint64 sequence,
        uint40 deadline,
        uint16 count
    ) private pure returns (IPairSettlement.Batch memory) {
        return IPairSettlement.Batch(1, 2, sequence, deadline, count, keccak256("root"));
    }

    function _allOf(uint256 count, uint256 word) private pure returns (uint256) {
        if (count <= word * 256) return 0;
        uint256 pairs = count - word * 256;
        return pairs >= 256 ? type(uint256).max : (1 << pairs) - 1;
    }
}
