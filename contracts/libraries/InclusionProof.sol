// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Inclusion in a Merkle tree of RFC 9162 (SHA-256, any number of leaves)
/// @notice OpenZeppelin's `MerkleProof` has no trees of this shape: a node without a sibling moves up as it is, and the
/// hashes of leaves and of nodes begin with different bytes, so that no node passes for a leaf.
library InclusionProof {
    /// @notice RFC 9162 §2.1.3.2, with its names: `fn` is the node's index on its level, `sn` the index of the last node.
    /// @param leaf The leaf itself, not its hash.
    /// @param proof Siblings from the leaf to the root; any other length than the tree asks for fails.
    function verify(
        bytes32 root,
        uint256 size,
        uint256 index,
        bytes calldata leaf,
        bytes32[] calldata proof
    ) internal pure returns (bool) {
        if (index >= size) return false;
        uint256 fn = index;
        uint256 sn = size - 1;
        bytes32 hash = sha256(abi.encodePacked(hex"00", leaf));
        for (uint256 i = 0; i < proof.length; ++i) {
            if (sn == 0) return false;
            if (fn & 1 == 1 || fn == sn) {
                hash = sha256(abi.encodePacked(hex"01", proof[i], hash));
                while (fn & 1 == 0 && fn != 0) {
                    fn >>= 1;
                    sn >>= 1;
                }
            } else {
                hash = sha256(abi.encodePacked(hex"01", hash, proof[i]));
            }
            fn >>= 1;
            sn >>= 1;
        }
        return sn == 0 && hash == root;
    }
}
