// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {InclusionProof} from "../../../contracts/libraries/InclusionProof.sol";

contract InclusionProofCaller {
    function verify(
        bytes32 root,
        uint256 size,
        uint256 index,
        bytes calldata leaf,
        bytes32[] calldata proof
    ) external pure returns (bool) {
        return InclusionProof.verify(root, size, index, leaf, proof);
    }
}

/// @notice The proof against the recursive definitions of RFC 9162 §2.1.1 (tree) and §2.1.3.1 (path).
contract InclusionProofTest {
    uint256 private constant MOST_LEAVES = 70;

    InclusionProofCaller private _caller;

    function setUp() external {
        _caller = new InclusionProofCaller();
    }

    function testFuzz_pathOfEveryLeafIsAccepted(uint256 seed, uint256 size, uint256 index) external view {
        size = 1 + (size % MOST_LEAVES);
        index %= size;
        bytes32 root = _treeHash(seed, 0, size);
        bytes32[] memory proof = _path(seed, index, 0, size);
        require(_caller.verify(root, size, index, _leaf(seed, index), proof), "a true proof was refused");
    }

    function testFuzz_anyChangeIsRefused(uint256 seed, uint256 size, uint256 index, uint256 change) external view {
        size = 2 + (size % (MOST_LEAVES - 1));
        index %= size;
        bytes32 root = _treeHash(seed, 0, size);
        bytes32[] memory proof = _path(seed, index, 0, size);
        bytes memory leaf = _leaf(seed, index);
        uint256 kind = change % 6;
        change /= 6;
        if (kind == 0) {
            proof[change % proof.length] ^= bytes32(1 << (change % 256));
        } else if (kind == 1) {
            leaf[change % leaf.length] ^= bytes1(uint8(1 << (change % 8)));
        } else if (kind == 2) {
            index = (index + 1 + (change % (size - 1))) % size;
        } else if (kind == 3) {
            index += size;
        } else if (kind == 4) {
            bytes32[] memory longer = new bytes32[](proof.length + 1);
            for (uint256 i = 0; i < proof.length; ++i) longer[i] = proof[i];
            longer[proof.length] = bytes32(change);
            proof = longer;
        } else {
            bytes32[] memory shorter = new bytes32[](proof.length - 1);
            for (uint256 i = 0; i < shorter.length; ++i) shorter[i] = proof[i];
            proof = shorter;
        }
        require(!_caller.verify(root, size, index, leaf, proof), "a changed proof was accepted");
    }

    function testFuzz_noNodePassesForALeaf(uint256 seed, uint256 size) external view {
        size = 2 + (size % (MOST_LEAVES - 1));
        bytes32 root = _treeHash(seed, 0, size);
        uint256 split = _split(size);
        bytes memory node = abi.encodePacked(_treeHash(seed, 0, split), _treeHash(seed, split, size));
        require(!_caller.verify(root, 1, 0, node, new bytes32[](0)), "a node was taken for a leaf");
    }

    function _leaf(uint256 seed, uint256 index) private pure returns (bytes memory) {
        return abi.encodePacked(seed, index, bytes32(0), bytes16(0));
    }

    function _treeHash(uint256 seed, uint256 from, uint256 to) private pure returns (bytes32) {
        if (to - from == 1) return sha256(abi.encodePacked(hex"00", _leaf(seed, from)));
        uint256 middle = from + _split(to - from);
        return sha256(abi.encodePacked(hex"01", _treeHash(seed, from, middle), _treeHash(seed, middle, to)));
    }

    function _path(uint256 seed, uint256 index, uint256 from, uint256 to) private pure returns (bytes32[] memory path) {
        if (to - from == 1) return new bytes32[](0);
        uint256 middle = from + _split(to - from);
        bool left = index < middle;
        bytes32[] memory below = left ? _path(seed, index, from, middle) : _path(seed, index, middle, to);
        path = new bytes32[](below.length + 1);
        for (uint256 i = 0; i < below.length; ++i) path[i] = below[i];
        path[below.length] = left ? _treeHash(seed, middle, to) : _treeHash(seed, from, middle);
    }

    /// @dev The largest power of two smaller than `size`.
    function _split(uint256 size) private pure returns (uint256 split) {
        split = 1;
        while (split * 2 < size) split *= 2;
    }
}
