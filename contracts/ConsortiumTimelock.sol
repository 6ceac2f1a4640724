// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title ConsortiumTimelock
/// @notice The address through which the consortium acts: what a vote has decided waits here before it is done.
/// OpenZeppelin's timelock, with what could lock the consortium out taken away: its governor is the only proposer and
/// canceller for good, anyone may execute what is due, nobody administers, and the delay has an upper bound. A consortium
/// that wants another governor votes to hand the registry over to the new one's timelock.
contract ConsortiumTimelock is TimelockController {
    uint256 public constant MAX_DELAY_SECONDS = 30 days;

    error ConsortiumTimelockRolesAreFixed(bytes32 role, address account);
    error ConsortiumTimelockDelayTooLong(uint256 most, uint256 actual);

    constructor(
        uint256 delaySeconds,
        address governor
    ) TimelockController(delaySeconds, _only(governor), _only(address(0)), address(0)) {
        _checkDelay(delaySeconds);
    }

    /// @notice Accepts an ownership that was offered to this contract. Anyone may call it: the offer is the owner's choice.
    function acceptOwnershipOf(Ownable2Step target) external {
        target.acceptOwnership();
    }

    /// @inheritdoc TimelockController
    function updateDelay(uint256 newDelay) public override {
        _checkDelay(newDelay);
        super.updateDelay(newDelay);
    }

    /// @notice Refused always: the roles are those of the deployment.
    function grantRole(bytes32 role, address account) public pure override {
        revert ConsortiumTimelockRolesAreFixed(role, account);
    }

    /// @notice Refused always: the roles are those of the deployment.
    function revokeRole(bytes32 role, address account) public pure override {
        revert ConsortiumTimelockRolesAreFixed(role, account);
    }

    /// @notice Refused always: the roles are those of the deployment.
    function renounceRole(bytes32 role, address account) public pure override {
        revert ConsortiumTimelockRolesAreFixed(role, account);
    }

    function _checkDelay(uint256 delaySeconds) private pure {
        if (delaySeconds > MAX_DELAY_SECONDS) revert ConsortiumTimelockDelayTooLong(MAX_DELAY_SECONDS, delaySeconds);
    }

    function _only(address account) private pure returns (address[] memory accounts) {
        accounts = new address[](1);
        accounts[0] = account;
    }
}
