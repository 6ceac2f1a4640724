// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

import {ConsortiumGovernor} from "../../../contracts/ConsortiumGovernor.sol";
import {ConsortiumTimelock} from "../../../contracts/ConsortiumTimelock.sol";
import {IConsortiumGovernor} from "../../../contracts/interfaces/IConsortiumGovernor.sol";
import {IOperatorRegistry} from "../../../contracts/interfaces/IOperatorRegistry.sol";
import {OperatorRegistry} from "../../../contracts/OperatorRegistry.sol";
import {FuzzSelector, vm} from "./Vm.sol";

/// @notice Takes the consortium through every mixture of standings, emergencies and keys. What a vote has decided is done
/// by calling the registry as the timelock, so that a run gets far; the votes themselves are held at its end.
contract GovernanceHandler {
    uint32 private constant DELAY = 100;
    uint32 private constant PERIOD = 1000;
    uint32 private constant TIMELOCK = 200;
    uint32 private constant EMERGENCY = 2000;

    OperatorRegistry public immutable REGISTRY;
    ConsortiumGovernor public immutable GOVERNOR;
    address private immutable _TIMELOCK;
    uint160 private _lastKey = 1000;
    mapping(uint32 operatorId => address) private _controllers;
    uint256 private _proposals;
    /// @dev The model of who counts no more against whom: until when, and for how long that was.
    mapping(uint32 operatorId => mapping(uint32 supporter => uint256)) private _pausedUntil;
    mapping(uint32 operatorId => mapping(uint32 supporter => uint256)) private _pauses;
    /// @dev Whether the vote of an operator's latest emergency has been judged here.
    mapping(uint32 operatorId => uint256) private _judged;

    constructor() {
        vm.warp(1_800_000_000);
        IOperatorRegistry.Finality memory finality = IOperatorRegistry.Finality(
            IOperatorRegistry.FinalityMode.Depth,
            0
        );
        REGISTRY = new OperatorRegistry(address(this), 1 days, finality);
        GOVERNOR = new ConsortiumGovernor(REGISTRY, IConsortiumGovernor.Settings(DELAY, PERIOD, TIMELOCK, EMERGENCY));
        _TIMELOCK = GOVERNOR.timelock();
        for (uint256 i = 0; i < 4; ++i) _admit();
        REGISTRY.setGuardian(address(GOVERNOR));
        REGISTRY.transferOwnership(_TIMELOCK);
        ConsortiumTimelock(payable(_TIMELOCK)).acceptOwnershipOf(REGISTRY);
    }

    // ------------------------------------------------------------------ what can happen

    function admit() external {
        if (REGISTRY.operatorCount() >= 12) return;
        vm.prank(_TIMELOCK);
        REGISTRY.transferOwnership(address(this));
        REGISTRY.acceptOwnership();
        _admit();
        REGISTRY.transferOwnership(_TIMELOCK);
        ConsortiumTimelock(payable(_TIMELOCK)).acceptOwnershipOf(REGISTRY);
    }

    function suspend(uint256 which) external {
        uint32 operatorId = _operator(which);
        bool possible = _storedActive(operatorId);
        _byConsortium(possible, abi.encodeCall(IOperatorRegistry.suspend, (operatorId)));
    }

    function reinstate(uint256 which) external {
        uint32 operatorId = _operator(which);
        bool possible = REGISTRY.statusOf(operatorId) == IOperatorRegistry.OperatorStatus.Suspended;
        _byConsortium(possible, abi.encodeCall(IOperatorRegistry.reinstate, (operatorId)));
    }

    function retire(uint256 which) external {
        uint32 operatorId = _operator(which);
        if (which % 4 != 0) return;
        bool possible = _isMember(operatorId) && members() > 1;
        _byConsortium(possible, abi.encodeCall(IOperatorRegistry.retire, (operatorId)));
    }

    function rotateController(uint256 which, bool lost) external {
        uint32 operatorId = _operator(which);
        address fresh = address(++_lastKey);
        // A retired operator's controller hands nothing over.
        if (lost || !_isMember(operatorId)) {
            _byConsortium(true, abi.encodeCall(IOperatorRegistry.replaceController, (operatorId, fresh)));
        } else {
            vm.prank(_controllers[operatorId]);
            REGISTRY.proposeController(operatorId, fresh);
            vm.prank(fresh);
            REGISTRY.acceptController(operatorId);
        }
        require(REGISTRY.operatorByController(_controllers[operatorId]) == 0, "the old key still counts");
        _controllers[operatorId] = fresh;
    }

    /// @dev Whether it is refused is the table's to say; that no more than a third ever are under one is checked here.
    function support(uint256 by, uint256 which) external {
        (uint256 before, ) = REGISTRY.emergencies();
        (uint32 supporter, uint32 target) = (_operator(by), _operator(which));
        address controller = _controllers[supporter];
        bytes memory data = abi.encodeCall(IConsortiumGovernor.supportEmergency, (target));
        // Nothing may be called between the prank and what it is for.
        vm.prank(controller);
        (bool success, bytes memory result) = address(GOVERNOR).call(data);
        (uint256 now_, uint256 most) = REGISTRY.emergencies();
        bool suspended = success && abi.decode(result, (uint256)) != 0;
        require(now_ == before + (suspended ? 1 : 0), "another number of emergencies");
        require(!suspended || now_ <= most, "more than a third under an emergency suspension");
        bool paused = block.timestamp <= _pausedUntil[target][supporter];
        require(!success || !paused, "counted though the others have rejected it");
        if (paused) require(GOVERNOR.supportPausedUntil(target, supporter) >= block.timestamp, "another pause");
    }

    /// @dev Everybody that may votes on the emergency of this operator as the seed says, and the vote ends. Who was one of
    /// its two supporters is kept here by its own count.
    function vote(uint256 which, uint256 ballots) external {
        uint32 target = _operator(which);
        IConsortiumGovernor.Emergency memory emergency = GOVERNOR.emergencyOf(target);
        if (emergency.proposalId == 0 || emergency.proposalId == _judged[target]) return;
        uint256 snapshot = GOVERNOR.proposalSnapshot(emergency.proposalId);
        uint256 end = GOVERNOR.proposalDeadline(emergency.proposalId);
        if (block.timestamp > end) {
            _judged[target] = emergency.proposalId;
            return;
        }
        if (block.timestamp <= snapshot) vm.warp(snapshot + 1);
        (int256 balance, uint256 inFavour, uint256 membersFor) = (0, 0, 0);
        for (uint32 operatorId = 1; operatorId <= REGISTRY.operatorCount(); ++operatorId) {
            uint256 ballot = (ballots >> (2 * operatorId)) & 3;
            IOperatorRegistry.Standing standing = REGISTRY.standingAt(operatorId, uint48(snapshot));
            if (ballot == 3 || standing == IOperatorRegistry.Standing.None || !_isMember(operatorId)) continue;
            vm.prank(_controllers[operatorId]);
            GOVERNOR.castVote(emergency.proposalId, uint8(ballot));
            if (ballot == 1) ++membersFor;
            if (standing != IOperatorRegistry.Standing.Voter) continue;
            if (ballot == 1) ++inFavour;
            if (operatorId != target && ballot < 2) balance += ballot == 0 ? int256(1) : -1;
        }
        vm.warp(end + 1);
        _judged[target] = emergency.proposalId;
        bool passed =
            inFavour > REGISTRY.votersAt(uint48(snapshot)) / 2 || 2 * membersFor > REGISTRY.membersAt(uint48(snapshot));
        if (balance > 0 && !passed) {
            _pause(target, emergency.firstSupporter, end);
            _pause(target, emergency.secondSupporter, end);
        }
    }

    function _pause(uint32 target, uint32 supporter, uint256 end) private {
        uint256 length = 2 * _pauses[target][supporter];
        if (length == 0) length = DELAY + PERIOD;
        if (length > 30 days) length = 30 days;
        _pauses[target][supporter] = length;
        _pausedUntil[target][supporter] = end + length;
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + 1 + (time % EMERGENCY));
    }

    // ------------------------------------------------------------------ comparisons

    /// @dev What the registry has counted is what one counts by hand.
    function compare() external {
        vm.warp(block.timestamp + 1);
        uint48 last = uint48(block.timestamp - 1);
        uint32 count = REGISTRY.operatorCount();
        (uint256 voters, uint256 notRetired) = (0, 0);
        for (uint32 operatorId = 1; operatorId <= count; ++operatorId) {
            IOperatorRegistry.Standing standing = REGISTRY.standingAt(operatorId, last);
            if (standing == IOperatorRegistry.Standing.Voter) ++voters;
            if (standing != IOperatorRegistry.Standing.None) ++notRetired;
        }
        require(REGISTRY.votersAt(last) == voters, "another number of voters");
        require(REGISTRY.membersAt(last) == notRetired, "another number of members");
        require(notRetired != 0, "nobody is left");
        _compareOne(1 + uint32(block.timestamp % count), last);
        for (uint32 target = 1; target <= count; ++target) {
            for (uint32 supporter = 1; supporter <= count; ++supporter) {
                uint256 until = GOVERNOR.supportPausedUntil(target, supporter);
                require(until == _pausedUntil[target][supporter], "another pause");
            }
        }
    }

    function _compareOne(uint32 operatorId, uint48 last) private view {
        IOperatorRegistry.Standing expected =
            !_isMember(operatorId)
                ? IOperatorRegistry.Standing.None
                : _storedActive(operatorId)
                    ? IOperatorRegistry.Standing.Voter
                    : IOperatorRegistry.Standing.Member;
        require(REGISTRY.standingAt(operatorId, last) == expected, "another standing");
        require(REGISTRY.operatorByController(_controllers[operatorId]) == operatorId, "another controller");
    }

    /// @dev Any majority of those not retired decides, whoever of them is suspended.
    function decide(uint256 seed) external {
        (address[] memory targets, bytes[] memory calls) = (new address[](1), new bytes[](1));
        targets[0] = address(REGISTRY);
        uint32 window = uint32(3600 + ++_proposals);
        calls[0] = abi.encodeCall(IOperatorRegistry.setMaxWindow, (window));
        uint256[] memory values = new uint256[](1);
        uint256 needed = members() / 2 + 1;
        uint32 count = REGISTRY.operatorCount();
        uint256 id;
        string memory text = string(abi.encode(_proposals));
        for (uint32 i = 0; needed > 0; ++i) {
            uint32 operatorId = 1 + uint32((seed + i) % count);
            if (!_isMember(operatorId)) continue;
            if (id == 0) {
                vm.prank(_controllers[operatorId]);
                id = GOVERNOR.propose(targets, values, calls, text);
                vm.warp(block.timestamp + DELAY + 1);
            }
            vm.prank(_controllers[operatorId]);
            GOVERNOR.castVote(id, 1);
            --needed;
        }
        vm.warp(block.timestamp + PERIOD);
        require(GOVERNOR.state(id) == IGovernor.ProposalState.Succeeded, "a majority could not decide");
        GOVERNOR.queue(targets, values, calls, keccak256(bytes(text)));
        vm.warp(block.timestamp + TIMELOCK);
        GOVERNOR.execute(targets, values, calls, keccak256(bytes(text)));
        require(REGISTRY.maxWindow() == window, "decided and not done");
    }

    function members() public view returns (uint256 count) {
        for (uint32 operatorId = 1; operatorId <= REGISTRY.operatorCount(); ++operatorId) {
            if (_isMember(operatorId)) ++count;
        }
    }

    function _admit() private {
        address key = address(++_lastKey);
        bytes memory name = abi.encodePacked(uint8(65 + REGISTRY.operatorCount()));
        bytes memory signer = abi.encodePacked(key);
        uint32 id = REGISTRY.admit(string(name), key, key, signer, bytes32(uint256(_lastKey)), "https://");
        _controllers[id] = key;
    }

    function _byConsortium(bool expected, bytes memory data) private {
        vm.prank(_TIMELOCK);
        (bool success, ) = address(REGISTRY).call(data);
        require(success == expected, expected ? "was refused" : "was not refused");
    }

    function _operator(uint256 seed) private view returns (uint32) {
        return 1 + uint32(seed % REGISTRY.operatorCount());
    }

    function _isMember(uint32 operatorId) private view returns (bool) {
        return REGISTRY.statusOf(operatorId) != IOperatorRegistry.OperatorStatus.Retired;
    }

    /// @dev Active but for an emergency.
    function _storedActive(uint32 operatorId) private view returns (bool) {
        IOperatorRegistry.Operator memory entry = REGISTRY.operator(operatorId);
        bool emergency = block.timestamp <= entry.emergencyUntil;
        return entry.status == IOperatorRegistry.OperatorStatus.Active || emergency;
    }
}

/// @notice The consortium can always decide.
contract GovernanceInvariants {
    GovernanceHandler private _handler;

    function setUp() external {
        _handler = new GovernanceHandler();
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](8);
        selectors[0] = GovernanceHandler.admit.selector;
        selectors[1] = GovernanceHandler.suspend.selector;
        selectors[2] = GovernanceHandler.reinstate.selector;
        selectors[3] = GovernanceHandler.retire.selector;
        selectors[4] = GovernanceHandler.rotateController.selector;
        selectors[5] = GovernanceHandler.support.selector;
        selectors[6] = GovernanceHandler.pass.selector;
        selectors[7] = GovernanceHandler.vote.selector;
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

    /// @dev So that no run is about emergencies that never come.
    function test_emergenciesAreReached() external {
        _handler.support(0, 3);
        _handler.support(1, 3);
        (uint256 now_, uint256 most) = _handler.REGISTRY().emergencies();
        require(now_ == 1 && most == 1, "no emergency");
        require(_handler.REGISTRY().statusOf(4) == IOperatorRegistry.OperatorStatus.Suspended, "not suspended");
        _handler.support(0, 2);
        _handler.support(1, 2);
        (now_, ) = _handler.REGISTRY().emergencies();
        require(now_ == 1, "one more than a third");
        // Against it all but the two, who say nothing.
        _handler.vote(3, 0x0000003f << 2);
        _handler.compare();
        require(_handler.GOVERNOR().supportPausedUntil(4, 1) == 0, "rejected by silence");
        _handler.decide(0);
    }

    /// @dev Of five operators, four of whom are not the target: two against it, two silent.
    function test_rejectionsAreReached() external {
        _handler.admit();
        _handler.support(0, 3);
        _handler.support(1, 3);
        _handler.vote(3, 0xf << 2);
        require(_handler.GOVERNOR().supportPausedUntil(4, 1) > block.timestamp, "not rejected");
        _handler.support(0, 3);
        _handler.compare();
        _handler.pass(1999);
        _handler.support(0, 3);
        _handler.support(1, 3);
        _handler.vote(3, 0xf << 2);
        _handler.compare();
        _handler.decide(1);
    }

    function invariant_standingsAreWhatTheStatusesSay() external {
        _handler.compare();
    }

    function afterInvariant() external {
        for (uint256 i = 0; i < 2; ++i) _handler.decide(uint256(keccak256(abi.encode(block.timestamp, i))));
    }
}
