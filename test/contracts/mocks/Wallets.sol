// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ERC7913P256Verifier} from "@openzeppelin/contracts/utils/cryptography/verifiers/ERC7913P256Verifier.sol";

/// @notice An ERC-1271 wallet with one key.
contract KeyWallet is IERC1271 {
    address public immutable KEY;

    constructor(address key) {
        KEY = key;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        (address signer, , ) = ECDSA.tryRecover(hash, signature);
        return signer == KEY ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}

/// @notice A wallet that answers what its owner wants it to answer, whatever it is asked.
contract LyingWallet {
    bytes public answer;
    bool public reverts;

    function set(bytes calldata newAnswer, bool newReverts) external {
        answer = newAnswer;
        reverts = newReverts;
    }

    fallback(bytes calldata) external returns (bytes memory) {
        require(!reverts);
        return answer;
    }
}

/// @notice A wallet that makes a call of its own when it is asked for a signature, and agrees if the call succeeds.
contract ReenteringWallet is IERC1271 {
    address private _target;
    bytes private _data;

    function set(address target, bytes calldata data) external {
        _target = target;
        _data = data;
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        // The registry asks by `staticcall`, so whatever is called from here cannot write.
        (bool success, ) = _target.staticcall(_data);
        return success ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}

/// @notice OpenZeppelin's ERC-7913 verifier of P-256 signatures, to be deployed by tests.
contract P256Verifier is ERC7913P256Verifier {}

/// @notice A wallet that has signed everything: for tests of what does not depend on who signs.
contract YesWallet is IERC1271 {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return IERC1271.isValidSignature.selector;
    }
}
