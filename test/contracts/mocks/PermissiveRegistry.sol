// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOperatorRegistry} from "../../../contracts/interfaces/IOperatorRegistry.sol";

/// @notice Every operator is active and every key everybody's: for tests of what does not depend on who acts.
contract PermissiveRegistry {
    uint32 public constant maxWindow = type(uint32).max;

    function statusOf(uint32) external pure returns (IOperatorRegistry.OperatorStatus) {
        return IOperatorRegistry.OperatorStatus.Active;
    }

    function isAccount(uint32, address) external pure returns (bool) {
        return true;
    }

    function checkSignature(uint32, bytes32, bytes calldata) external pure returns (bool) {
        return true;
    }
}
