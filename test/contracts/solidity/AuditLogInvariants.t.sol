// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AuditLog} from "../../../contracts/AuditLog.sol";
import {IAuditLog} from "../../../contracts/interfaces/IAuditLog.sol";
import {IOperatorRegistry} from "../../../contracts/interfaces/IOperatorRegistry.sol";
import {OperatorRegistry} from "../../../contracts/OperatorRegistry.sol";
import {FuzzSelector, vm} from "./Vm.sol";

/// @notice Three operators whose accounts anchor heads, of which any may be stolen, rotated, or of a retired operator.
contract JournalHandler {
    uint32 private constant OPERATORS = 3;
    uint64 private constant APART = 65_536;

    OperatorRegistry public immutable REGISTRY;
    AuditLog public immutable LOG;
    uint160 private _lastKey = 1000;
    mapping(uint32 operatorId => address) private _accounts;
    mapping(uint32 operatorId => address) private _stolen;
    /// @dev The model: the last entry of each, and its head.
    mapping(uint32 operatorId => uint64) private _entries;
    mapping(uint32 operatorId => bytes32) private _heads;
    mapping(uint32 operatorId => bool) private _retired;

    constructor() {
        vm.warp(1_800_000_000);
        IOperatorRegistry.Finality memory finality = IOperatorRegistry.Finality(
            IOperatorRegistry.FinalityMode.Depth,
            0
        );
        REGISTRY = new OperatorRegistry(address(this), 1 days, finality);
        LOG = new AuditLog(REGISTRY);
        for (uint32 operatorId = 1; operatorId <= OPERATORS; ++operatorId) {
            address account = address(++_lastKey);
            _accounts[operatorId] = account;
            bytes memory signer = abi.encodePacked(account);
            string memory handle = string(abi.encodePacked(bytes1(uint8(64 + operatorId))));
            REGISTRY.admit(
                handle,
                _controllerOf(operatorId),
                account,
                signer,
                bytes32(uint256(operatorId)),
                "https://"
            );
        }
    }

    // ------------------------------------------------------------------ what can happen

    /// @dev Steps are small and large, and at the edge of what is taken; the rest is any number.
    function checkpoint(uint256 which, uint256 step, uint64 any, bool byThief) external {
        uint32 operatorId = _operator(which);
        uint64 last = _entries[operatorId];
        uint64[6] memory steps = [uint64(0), 1, APART - 1, APART, APART + 1, uint64(step % (2 * APART))];
        uint64 entry = step % 7 == 6 ? any : last + steps[step % 6];
        address caller = byThief ? _stolen[operatorId] : _accounts[operatorId];
        if (caller == address(0)) return;
        bool expected =
            caller == _accounts[operatorId] && !_retired[operatorId] && entry > last && entry - last <= APART;
        bytes32 head = keccak256(abi.encode(operatorId, entry, step));
        _call(caller, expected, abi.encodeCall(IAuditLog.checkpoint, (operatorId, entry, head)));
        if (expected) (_entries[operatorId], _heads[operatorId]) = (entry, head);
    }

    /// @dev What nobody may who is not the controller, and the controller in no more than it may.
    function disown(uint256 which, uint256 by, uint64 any) external {
        uint32 operatorId = _operator(which);
        uint64 last = _entries[operatorId];
        uint64 entry = last == 0 ? any : any % (last + 2);
        bool own = by % 4 != 0;
        address caller = own ? _controllerOf(operatorId) : address(uint160(by));
        bool expected = own && !_retired[operatorId] && entry < last;
        _call(caller, expected, abi.encodeCall(IAuditLog.disownHeads, (operatorId, entry)));
        if (expected) (_entries[operatorId], _heads[operatorId]) = (entry, bytes32(0));
    }

    /// @dev The account is in other hands, until it is rotated without overlap.
    function steal(uint256 which) external {
        uint32 operatorId = _operator(which);
        _stolen[operatorId] = _accounts[operatorId];
    }

    function rotate(uint256 which) external {
        uint32 operatorId = _operator(which);
        address fresh = address(++_lastKey);
        vm.prank(_controllerOf(operatorId));
        REGISTRY.rotateAccount(operatorId, fresh, 0);
        _accounts[operatorId] = fresh;
    }

    function retire(uint256 which) external {
        uint32 operatorId = _operator(which);
        // Seldom, and never the last one.
        if (which % 50 != 0 || _retired[operatorId] || operatorId == 1) return;
        REGISTRY.retire(operatorId);
        _retired[operatorId] = true;
    }

    // ------------------------------------------------------------------ comparisons

    function compare() external view {
        for (uint32 operatorId = 1; operatorId <= OPERATORS; ++operatorId) {
            IAuditLog.Checkpoint memory last = LOG.lastCheckpoint(operatorId);
            require(last.entry == _entries[operatorId], "another entry");
            require(last.head == _heads[operatorId], "another head");
        }
        require(LOG.lastCheckpoint(OPERATORS + 1).entry == 0, "a head of nobody");
    }

    /// @dev Wherever thieves have taken it: the rotated account anchors again from where the journal is.
    function goOn() external {
        for (uint32 operatorId = 1; operatorId <= OPERATORS; ++operatorId) {
            if (_retired[operatorId]) continue;
            address fresh = address(++_lastKey);
            vm.prank(_controllerOf(operatorId));
            REGISTRY.rotateAccount(operatorId, fresh, 0);
            if (_entries[operatorId] > 7) {
                vm.prank(_controllerOf(operatorId));
                LOG.disownHeads(operatorId, 7);
            }
            uint64 entry = LOG.lastCheckpoint(operatorId).entry + 60_000;
            vm.prank(fresh);
            LOG.checkpoint(operatorId, entry, keccak256("a true head"));
            require(LOG.lastCheckpoint(operatorId).entry == entry, "the journal cannot go on");
            _accounts[operatorId] = fresh;
            (_entries[operatorId], _heads[operatorId]) = (entry, keccak256("a true head"));
        }
    }

    function _call(address caller, bool expected, bytes memory data) private {
        vm.prank(caller);
        (bool success, ) = address(LOG).call(data);
        require(success == expected, expected ? "was refused" : "was not refused");
    }

    function _operator(uint256 seed) private pure returns (uint32) {
        return 1 + uint32(seed % OPERATORS);
    }

    function _controllerOf(uint32 operatorId) private pure returns (address) {
        return address(uint160(0xc0de0000) + operatorId);
    }
}

/// @notice No head runs away from a journal, none is of a retired operator, and no theft ends one for good.
contract AuditLogInvariants {
    JournalHandler private _handler;

    function setUp() external {
        _handler = new JournalHandler();
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](5);
        selectors[0] = JournalHandler.checkpoint.selector;
        selectors[1] = JournalHandler.disown.selector;
        selectors[2] = JournalHandler.steal.selector;
        selectors[3] = JournalHandler.rotate.selector;
        selectors[4] = JournalHandler.retire.selector;
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

    /// @dev So that no run is about heads that are never anchored.
    function test_headsAreReached() external {
        _handler.checkpoint(0, 3, 0, false);
        _handler.steal(0);
        _handler.checkpoint(0, 3, 0, true);
        require(_handler.LOG().lastCheckpoint(1).entry == 131_072, "no head");
        _handler.rotate(0);
        _handler.checkpoint(0, 1, 0, true);
        _handler.disown(0, 1, 5);
        require(_handler.LOG().lastCheckpoint(1).entry == 5, "nothing disowned");
        _handler.retire(50);
        _handler.checkpoint(50, 1, 0, false);
        _handler.compare();
        _handler.goOn();
        _handler.compare();
    }

    function invariant_headsAreWhatTheModelSays() external {
        _handler.compare();
    }

    function afterInvariant() external {
        _handler.goOn();
        _handler.compare();
    }
}
