// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Who the operators are
/// @notice The members of the consortium by id, with the keys that count now and the parameters they agreed on.
///
/// States of an operator:
///
///   Unknown --admit--> Active <--suspend / reinstate--> Suspended
///                        |                                 |
///                        +-------------retire--------------+--> Retired, for good
///
/// An id is given once: ids count 1, 2, 3… and a retired operator keeps its own. An operator that is not Active starts
/// nothing, but its keys stay valid, so that it can finish what is prepared; whoever lets an operator *start* something
/// asks for its status, whoever lets it *finish* asks only for its key.
///
/// An Active operator can also be suspended for an emergency, until a timestamp: its status reads Suspended until and
/// including that second, and Active again after it, without any transaction. `suspend` confirms it, `reinstate` ends it.
///
/// Standing in the consortium's votes: None (never admitted, or Retired), Member (Suspended by `suspend`), Voter (all
/// others, also one under an emergency suspension). It is kept by time, so that a vote can count as of its snapshot.
///
/// Who may call: the *authority* (the contract's owner, through which the consortium decides) changes status and
/// parameters, and gives an operator that lost its controller a new one; the *guardian*, named by the authority, suspends
/// for an emergency; the *controller* of an operator changes that operator's keys, pins and endpoint. Once it is retired, its
/// controller takes keys out of use and does nothing else: it ends overlaps, and rotates without one. Nobody else changes
/// an operator's keys. A controller is one operator's at a time.
///
/// A pin belongs to nobody: two operators may name the same one, and naming it gives no power over it. On the secure
/// channel a key may connect that is a pin of any operator that may, and it speaks for the operator that a request names
/// if it is a pin of *that* operator.
///
/// Keys overlap when a rotation asks for it: the replaced key stays valid until and including a timestamp, at most
/// `MAX_OVERLAP_SECONDS` away, unless the controller ends the overlap before. At most two keys of a kind are valid at a
/// time: rotating during an overlap drops the oldest.
///
/// Every change is one event, from which alone the change can be rebuilt. Events whose name begins with `Operator` have
/// the operator's id as their first topic.
///
/// Assumed of outside parts: an ERC-1271 wallet or ERC-7913 verifier named as a signer answers for that operator alone;
/// it is called with `staticcall` and can harm no one but the operator that named it.
interface IOperatorRegistry {
    enum OperatorStatus {
        Unknown,
        Active,
        Suspended,
        Retired
    }

    /// @notice What an operator is in the consortium's votes, in the order of its weight.
    enum Standing {
        None,
        Member,
        Voter
    }

    /// @notice The kinds of keys that rotate with an overlap.
    enum KeyKind {
        Account,
        Signer,
        Pin
    }

    /// @notice How a node of this consortium knows that a block is final: so many blocks deep, or the `finalized` tag.
    enum FinalityMode {
        Depth,
        FinalizedTag
    }

    /// @param depth Blocks that must follow, in mode `Depth`: 0 where a block is final at once. 0 in mode `FinalizedTag`.
    struct Finality {
        FinalityMode mode;
        uint32 depth;
    }

    /// @notice All that is known of one operator.
    /// @param handle Unique name, 1–32 characters of printable ASCII, never changed.
    /// @param controller Cold key or multisig: rotates the others.
    /// @param pendingController Proposed by the controller, becomes controller when it accepts; zero if none.
    /// @param account Hot key: sends decisions and attestations.
    /// @param previousAccount Valid too until and including `previousAccountUntil`; zero if none.
    /// @param signer ERC-7913 bytes: 20 of an EOA's or ERC-1271 wallet's address, or verifier (20) and key.
    /// @param previousSigner Valid too until and including `previousSignerUntil`; empty if none.
    /// @param pin SHA-256 of the SubjectPublicKeyInfo of the operator's TLS key.
    /// @param nextPin A second pin, valid too, that the operator means to use next; zero if none.
    /// @param previousPin Valid too until and including `previousPinUntil`; zero if none.
    /// @param endpoint URL of the operator's secure channel, 1–256 characters of printable ASCII.
    /// @param emergencyUntil Last second of its latest emergency suspension, past or not; 0 if none, or if it was ended.
    struct Operator {
        OperatorStatus status;
        string handle;
        address controller;
        address pendingController;
        address account;
        address previousAccount;
        uint40 previousAccountUntil;
        bytes signer;
        bytes previousSigner;
        uint40 previousSignerUntil;
        bytes32 pin;
        bytes32 nextPin;
        bytes32 previousPin;
        uint40 previousPinUntil;
        string endpoint;
        uint40 emergencyUntil;
    }

    event OperatorAdmitted(
        uint32 indexed operatorId,
        string handle,
        address controller,
        address account,
        bytes signer,
        bytes32 pin,
        string endpoint
    );
    event OperatorSuspended(uint32 indexed operatorId);
    /// @param until Last second of the emergency suspension.
    event OperatorSuspendedForEmergency(uint32 indexed operatorId, uint40 until);
    event OperatorReinstated(uint32 indexed operatorId);
    event OperatorRetired(uint32 indexed operatorId);
    event OperatorControllerProposed(uint32 indexed operatorId, address pendingController);
    event OperatorControllerRotated(uint32 indexed operatorId, address previousController, address controller);
    /// @param previousUntil Last second at which the previous key is valid; 0 if it ended with the rotation.
    event OperatorAccountRotated(
        uint32 indexed operatorId,
        address previousAccount,
        address account,
        uint40 previousUntil
    );
    /// @param previousUntil Last second at which the previous key is valid; 0 if it ended with the rotation.
    event OperatorSignerRotated(uint32 indexed operatorId, bytes previousSigner, bytes signer, uint40 previousUntil);
    /// @notice A rotation to the next pin uses it up: `nextPin` is zero from then on.
    /// @param previousUntil Last second at which the previous pin is valid; 0 if it ended with the rotation.
    event OperatorPinRotated(uint32 indexed operatorId, bytes32 previousPin, bytes32 pin, uint40 previousUntil);
    /// @param nextPin Zero if the next pin was withdrawn.
    event OperatorNextPinSet(uint32 indexed operatorId, bytes32 nextPin);
    event OperatorOverlapEnded(uint32 indexed operatorId, KeyKind kind);
    event OperatorEndpointChanged(uint32 indexed operatorId, string endpoint);
    event MaxWindowChanged(uint32 previousSeconds, uint32 maxWindowSeconds);
    event FinalityChanged(FinalityMode mode, uint32 depth);
    event GuardianChanged(address previousGuardian, address guardian);

    error OperatorRegistryUnknownOperator(uint32 operatorId);
    /// @notice The controller of a retired operator ends overlaps and rotates without one, and nothing else.
    error OperatorRegistryRetired(uint32 operatorId);
    error OperatorRegistryUnexpectedStatus(uint32 operatorId, OperatorStatus expected, OperatorStatus actual);
    error OperatorRegistryNotController(uint32 operatorId, address expected, address actual);
    error OperatorRegistryNotPendingController(uint32 operatorId, address expected, address actual);
    error OperatorRegistryNotGuardian(address expected, address actual);
    /// @notice A controller casts one operator's vote: it is no other's at the same time.
    error OperatorRegistryControllerTaken(uint32 operatorId, address controller, uint32 holder);
    /// @notice Without an operator that is not retired nobody could ever decide again.
    error OperatorRegistryLastOperator(uint32 operatorId);
    /// @notice As many as may be are under an emergency suspension already: a third of the others, rounded down.
    error OperatorRegistryTooManyEmergencies(uint32 operatorId, uint256 most, uint256 actual);
    error OperatorRegistryEmergencyOutOfRange(uint32 operatorId, uint40 until, uint256 earliest, uint256 latest);
    /// @notice Standings are known of the past only: those of this second can still change.
    error OperatorRegistryFutureLookup(uint256 timepoint, uint256 timestamp);
    /// @notice None, longer than `MAX_HANDLE_BYTES`, or with a byte that is not printable ASCII.
    error OperatorRegistryInvalidHandle(uint32 operatorId, string handle);
    error OperatorRegistryHandleTaken(uint32 operatorId, string handle, uint32 holder);
    error OperatorRegistryInvalidController(uint32 operatorId, address controller);
    error OperatorRegistryInvalidAccount(uint32 operatorId, address account);
    /// @notice Shorter than 20 bytes or longer than `MAX_SIGNER_BYTES`.
    error OperatorRegistryInvalidSigner(uint32 operatorId, bytes signer);
    error OperatorRegistryInvalidPin(uint32 operatorId, bytes32 pin);
    /// @notice None, longer than `MAX_ENDPOINT_BYTES`, or with a byte that is not printable ASCII.
    error OperatorRegistryInvalidEndpoint(uint32 operatorId, string endpoint);
    /// @notice A rotation to the key that is already the current one.
    error OperatorRegistrySameKey(uint32 operatorId, KeyKind kind);
    error OperatorRegistryOverlapOutOfRange(uint32 operatorId, uint40 until, uint256 earliest, uint256 latest);
    error OperatorRegistryNoOverlap(uint32 operatorId, KeyKind kind);
    error OperatorRegistryMaxWindowOutOfRange(uint32 actual, uint32 least, uint32 most);
    error OperatorRegistryDepthWithoutMeaning(uint32 depth);
    /// @notice The authority hands over, and never leaves the registry without one.
    error OperatorRegistryAuthorityRequired();

    // ------------------------------------------------------------------ by the authority

    /// @notice Admits an operator, Active at once.
    /// @return operatorId The next id, from 1.
    function admit(
        string calldata handle,
        address controller,
        address account,
        bytes calldata signer,
        bytes32 pin,
        string calldata endpoint
    ) external returns (uint32 operatorId);

    /// @notice Active → Suspended: starts nothing new, finishes what is prepared. Takes the place of an emergency suspension.
    function suspend(uint32 operatorId) external;

    /// @notice Suspended → Active; ends an emergency suspension too.
    function reinstate(uint32 operatorId) external;

    /// @notice Active or Suspended → Retired, for good. What is prepared can still be finished. The last one that is not
    /// retired cannot be.
    function retire(uint32 operatorId) external;

    /// @notice For an operator that lost its controller's key: the new one counts at once, and a proposed one no more.
    function replaceController(uint32 operatorId, address newController) external;

    /// @notice Who suspends for an emergency; zero: nobody.
    function setGuardian(address newGuardian) external;

    /// @notice How far in the future the deadline of a batch may lie, 60 s to 30 days.
    function setMaxWindow(uint32 maxWindowSeconds) external;

    /// @notice What counts as final; a node may be stricter, never laxer.
    function setFinality(Finality calldata newFinality) external;

    // ------------------------------------------------------------------ by the guardian

    /// @notice Active → Suspended until and including `until`, at most `MAX_EMERGENCY_SECONDS` away. Refused when ⌊(v−1)/3⌋
    /// of the v operators with a vote are under one at this time. Never takes away the vote.
    function suspendForEmergency(uint32 operatorId, uint40 until) external;

    // ------------------------------------------------------------------ by the operator's controller
    // Of a retired operator: `endOverlap`, and the rotations of account, signer and pin without overlap.

    /// @notice First step of a controller's rotation; zero withdraws the proposal.
    function proposeController(uint32 operatorId, address newController) external;

    /// @notice Second step, by the proposed controller.
    function acceptController(uint32 operatorId) external;

    /// @param overlapUntil Last second at which the replaced account is valid; 0: it ends now.
    function rotateAccount(uint32 operatorId, address newAccount, uint40 overlapUntil) external;

    /// @param overlapUntil Last second at which the replaced signer is valid; 0: it ends now.
    function rotateSigner(uint32 operatorId, bytes calldata newSigner, uint40 overlapUntil) external;

    /// @param overlapUntil Last second at which the replaced pin is valid; 0: it ends now.
    function rotatePin(uint32 operatorId, bytes32 newPin, uint40 overlapUntil) external;

    /// @notice Names the pin that will be used next, valid at once beside the current one; zero withdraws it.
    function setNextPin(uint32 operatorId, bytes32 nextPin) external;

    /// @notice The previous key of that kind is valid no longer.
    function endOverlap(uint32 operatorId, KeyKind kind) external;

    function setEndpoint(uint32 operatorId, string calldata endpoint) external;

    // ------------------------------------------------------------------ views

    /// @notice All of one operator; every field zero, status Unknown, if the id was never given.
    function operator(uint32 operatorId) external view returns (Operator memory);

    /// @notice Ids 1 … operatorCount() were given.
    function operatorCount() external view returns (uint32);

    /// @notice The operator of that handle, or 0.
    function operatorByHandle(string calldata handle) external view returns (uint32);

    /// @notice The operator that this address controls now, or 0.
    function operatorByController(address controller) external view returns (uint32);

    function statusOf(uint32 operatorId) external view returns (OperatorStatus);

    /// @notice Standing at the end of that second. Refused for this second and those to come.
    function standingAt(uint32 operatorId, uint48 timepoint) external view returns (Standing);

    /// @notice How many operators had a vote at the end of that second.
    function votersAt(uint48 timepoint) external view returns (uint256);

    /// @notice How many operators were not retired at the end of that second: those with a vote and those suspended.
    function membersAt(uint48 timepoint) external view returns (uint256);

    /// @notice How many operators are under an emergency suspension now, and how many may be.
    function emergencies() external view returns (uint256 now_, uint256 most);

    function isActive(uint32 operatorId) external view returns (bool);

    /// @notice Whether the address is the account, or the previous one within its overlap. Status does not matter.
    function isAccount(uint32 operatorId, address candidate) external view returns (bool);

    /// @notice Whether the signature of the digest is by the signer, or by the previous one within its overlap: ECDSA
    /// (65 bytes, low s), ERC-1271 or ERC-7913 by the form of the signer. Status does not matter.
    function checkSignature(uint32 operatorId, bytes32 digest, bytes calldata signature) external view returns (bool);

    function maxWindow() external view returns (uint32);

    function finality() external view returns (Finality memory);

    function guardian() external view returns (address);
}
