// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOperatorRegistry} from "../../../contracts/interfaces/IOperatorRegistry.sol";
import {OperatorRegistry} from "../../../contracts/OperatorRegistry.sol";
import {P256Verifier} from "../mocks/Wallets.sol";
import {vm} from "./Vm.sol";

/// @notice Signatures that only the test runner can make: P-256 over a digest that is given.
contract SignerKindsTest {
    uint256 private constant P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551;
    bytes32 private constant DIGEST = keccak256("a batch");

    OperatorRegistry private _registry;
    address private _verifier;
    uint32 private _operatorId;

    function setUp() external {
        IOperatorRegistry.Finality memory finality = IOperatorRegistry.Finality(
            IOperatorRegistry.FinalityMode.Depth,
            0
        );
        _registry = new OperatorRegistry(address(this), 1 days, finality);
        _verifier = address(new P256Verifier());
        bytes memory signer = abi.encodePacked(vm.addr(7));
        _operatorId = _registry.admit(
            "aurora",
            address(this),
            vm.addr(8),
            signer,
            keccak256("pin"),
            "https://a.example"
        );
    }

    function test_p256KeySigns() external {
        _rotateToP256(11);
        require(_registry.checkSignature(_operatorId, DIGEST, _signP256(11, DIGEST)), "its own signature was refused");
    }

    function test_p256KeyOfAnotherIsRefused() external {
        _rotateToP256(11);
        require(!_registry.checkSignature(_operatorId, DIGEST, _signP256(12, DIGEST)), "another key signed");
        require(!_registry.checkSignature(_operatorId, keccak256("other"), _signP256(11, DIGEST)), "other content");
    }

    function test_p256SignatureInItsMalleableFormIsRefused() external {
        _rotateToP256(11);
        (bytes32 r, bytes32 s) = abi.decode(_signP256(11, DIGEST), (bytes32, bytes32));
        bytes memory mirrored = abi.encode(r, P256_ORDER - uint256(s));
        require(!_registry.checkSignature(_operatorId, DIGEST, mirrored), "the mirrored signature was taken");
    }

    function test_verifierWithoutCodeSignsNothing() external {
        _registry.rotateSigner(_operatorId, abi.encodePacked(address(0xdead), bytes32("key")), 0);
        require(!_registry.checkSignature(_operatorId, DIGEST, ""), "no code, and yet a signature");
    }

    function testFuzz_onlyTheSignersKeySigns(uint256 key, bytes32 digest) external view {
        key = 1 + (key % 1000);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        bool valid = _registry.checkSignature(_operatorId, digest, abi.encodePacked(r, s, v));
        require(valid == (key == 7), "wrong answer about a signature");
    }

    function _rotateToP256(uint256 key) private {
        (uint256 x, uint256 y) = vm.publicKeyP256(key);
        _registry.rotateSigner(_operatorId, abi.encodePacked(_verifier, x, y), 0);
    }

    /// @dev In the lower of the two forms, as the verifier demands.
    function _signP256(uint256 key, bytes32 digest) private pure returns (bytes memory) {
        (bytes32 r, bytes32 s) = vm.signP256(key, digest);
        if (uint256(s) > P256_ORDER / 2) s = bytes32(P256_ORDER - uint256(s));
        return abi.encode(r, s);
    }
}
