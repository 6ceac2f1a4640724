// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {IOperatorRegistry} from "./interfaces/IOperatorRegistry.sol";

/// @title OperatorRegistry
/// @notice The manual is {IOperatorRegistry}. The owner is the consortium's authority: the one place that says who governs.
contract OperatorRegistry is IOperatorRegistry, Ownable2Step, Multicall {
    using Checkpoints for Checkpoints.Trace208;

    /// @dev The first slot is all that deciding and attesting read; preparing reads it and the signer.
    ///
    ///   bits   0–159 account | 160–199 previousAccountUntil | 200–239 previousSignerUntil | 240–247 status
    ///   bits 248–255 emergency: whether `emergencyUntil`, which stands elsewhere, has to be asked
    struct Entry {
        address account;
        uint40 previousAccountUntil;
        uint40 previousSignerUntil;
        OperatorStatus status;
        bool emergency;
        bytes signer;
        address previousAccount;
        uint40 previousPinUntil;
        uint40 emergencyUntil;
        bytes previousSigner;
        address controller;
        address pendingController;
        bytes32 pin;
        bytes32 nextPin;
        bytes32 previousPin;
        string handle;
        string endpoint;
    }

    uint40 public constant MAX_OVERLAP_SECONDS = 30 days;
    uint40 public constant MAX_EMERGENCY_SECONDS = 30 days;
    uint32 public constant LEAST_MAX_WINDOW_SECONDS = 1 minutes;
    uint32 public constant MOST_MAX_WINDOW_SECONDS = 30 days;
    uint256 public constant MAX_HANDLE_BYTES = 32;
    uint256 public constant MAX_ENDPOINT_BYTES = 256;
    uint256 public constant MAX_SIGNER_BYTES = 1024;
    /// @dev ERC-7913: the address of a signer or of its verifier.
    uint256 private constant LEAST_SIGNER_BYTES = 20;

    mapping(uint32 operatorId => Entry) private _entries;
    mapping(bytes32 handleHash => uint32 operatorId) private _idByHandle;
    mapping(address controller => uint32 operatorId) private _idByController;
    /// @dev `Standing` of each operator, and how many are `Voter` and not `None`, by timestamp.
    mapping(uint32 operatorId => Checkpoints.Trace208) private _standings;
    Checkpoints.Trace208 private _voters;
    Checkpoints.Trace208 private _members;
    /// @dev Those whose latest emergency suspension may not be over; never longer than one may be at a time, and one.
    uint32[] private _underEmergency;
    Finality private _finality;

    /// @inheritdoc IOperatorRegistry
    uint32 public operatorCount;
    /// @inheritdoc IOperatorRegistry
    uint32 public maxWindow;
    /// @inheritdoc IOperatorRegistry
    address public guardian;

    modifier onlyController(uint32 operatorId) {
        Entry storage entry = _known(operatorId);
        if (msg.sender != entry.controller) {
            revert OperatorRegistryNotController(operatorId, entry.controller, msg.sender);
        }
        _;
    }

    /// @dev For what an operator does that goes on; a retired one only takes keys out of use.
    modifier onlyControllerInOffice(uint32 operatorId) {
        Entry storage entry = _known(operatorId);
        if (msg.sender != entry.controller) {
            revert OperatorRegistryNotController(operatorId, entry.controller, msg.sender);
        }
        _requireNotRetired(operatorId, entry);
        _;
    }

    /// @param authority The one that founds the consortium, until it hands over: it does what the authority may do.
    constructor(address authority, uint32 maxWindowSeconds, Finality memory initialFinality) Ownable(authority) {
        _setMaxWindow(maxWindowSeconds);
        _setFinality(initialFinality);
    }

    // ------------------------------------------------------------------ by the authority

    /// @inheritdoc IOperatorRegistry
    function admit(
        string calldata handle,
        address controller,
        address account,
        bytes calldata signer,
        bytes32 pin,
        string calldata endpoint
    ) external onlyOwner returns (uint32 operatorId) {
        operatorId = operatorCount + 1;
        bytes32 handleHash = keccak256(bytes(handle));
        if (!_isPrintable(handle, MAX_HANDLE_BYTES)) revert OperatorRegistryInvalidHandle(operatorId, handle);
        if (_idByHandle[handleHash] != 0) {
            revert OperatorRegistryHandleTaken(operatorId, handle, _idByHandle[handleHash]);
        }
        _checkController(operatorId, controller);
        _checkAccount(operatorId, account);
        _checkSigner(operatorId, signer);
        _checkEndpoint(operatorId, endpoint);
        _checkPin(operatorId, pin);

        operatorCount = operatorId;
        _idByHandle[handleHash] = operatorId;
        Entry storage entry = _entries[operatorId];
        entry.status = OperatorStatus.Active;
        entry.handle = handle;
        _setController(operatorId, entry, controller);
        entry.account = account;
        entry.signer = signer;
        entry.pin = pin;
        entry.endpoint = endpoint;
        _setStanding(operatorId, Standing.Voter);

        emit OperatorAdmitted(operatorId, handle, controller, account, signer, pin, endpoint);
    }

    /// @inheritdoc IOperatorRegistry
    function suspend(uint32 operatorId) external onlyOwner {
        Entry storage entry = _known(operatorId);
        // What is stored: an emergency suspension is no obstacle to confirming it.
        _requireStatus(operatorId, OperatorStatus.Active, entry.status);

        entry.status = OperatorStatus.Suspended;
        _endEmergency(entry);
        _setStanding(operatorId, Standing.Member);

        emit OperatorSuspended(operatorId);
    }

    /// @inheritdoc IOperatorRegistry
    function reinstate(uint32 operatorId) external onlyOwner {
        Entry storage entry = _known(operatorId);
        _requireStatus(operatorId, OperatorStatus.Suspended, _statusOf(entry));

        entry.status = OperatorStatus.Active;
        _endEmergency(entry);
        _setStanding(operatorId, Standing.Voter);

        emit OperatorReinstated(operatorId);
    }

    /// @inheritdoc IOperatorRegistry
    function retire(uint32 operatorId) external onlyOwner {
        Entry storage entry = _known(operatorId);
        if (entry.status == OperatorStatus.Retired) {
            revert OperatorRegistryUnexpectedStatus(operatorId, OperatorStatus.Active, entry.status);
        }
        if (_members.latest() == 1) revert OperatorRegistryLastOperator(operatorId);

        entry.status = OperatorStatus.Retired;
        _endEmergency(entry);
        _setStanding(operatorId, Standing.None);

        emit OperatorRetired(operatorId);
    }

    /// @inheritdoc IOperatorRegistry
    function replaceController(uint32 operatorId, address newController) external onlyOwner {
        Entry storage entry = _known(operatorId);
        _checkController(operatorId, newController);

        address previous = entry.controller;
        _setController(operatorId, entry, newController);

        emit OperatorControllerRotated(operatorId, previous, newController);
    }

    /// @inheritdoc IOperatorRegistry
    function setGuardian(address newGuardian) external onlyOwner {
        address previous = guardian;
        guardian = newGuardian;

        emit GuardianChanged(previous, newGuardian);
    }

    /// @inheritdoc IOperatorRegistry
    function setMaxWindow(uint32 maxWindowSeconds) external onlyOwner {
        _setMaxWindow(maxWindowSeconds);
    }

    /// @inheritdoc IOperatorRegistry
    function setFinality(Finality calldata newFinality) external onlyOwner {
        _setFinality(newFinality);
    }

    /// @notice Refused always: without an authority no operator could ever be admitted or suspended again.
    function renounceOwnership() public view override onlyOwner {
        revert OperatorRegistryAuthorityRequired();
    }

    // ------------------------------------------------------------------ by the guardian

    /// @inheritdoc IOperatorRegistry
    function suspendForEmergency(uint32 operatorId, uint40 until) external {
        if (msg.sender != guardian) revert OperatorRegistryNotGuardian(guardian, msg.sender);
        Entry storage entry = _known(operatorId);
        _requireStatus(operatorId, OperatorStatus.Active, _statusOf(entry));
        uint256 latest = block.timestamp + MAX_EMERGENCY_SECONDS;
        if (until < block.timestamp || until > latest) {
            revert OperatorRegistryEmergencyOutOfRange(operatorId, until, block.timestamp, latest);
        }
        _forgetPastEmergencies();
        uint256 most = _mostEmergencies();
        if (_underEmergency.length >= most) {
            revert OperatorRegistryTooManyEmergencies(operatorId, most, _underEmergency.length);
        }

        entry.emergency = true;
        entry.emergencyUntil = until;
        _underEmergency.push(operatorId);

        emit OperatorSuspendedForEmergency(operatorId, until);
    }

    // ------------------------------------------------------------------ by the operator's controller

    /// @inheritdoc IOperatorRegistry
    function proposeController(uint32 operatorId, address newController) external onlyControllerInOffice(operatorId) {
        _entries[operatorId].pendingController = newController;

        emit OperatorControllerProposed(operatorId, newController);
    }

    /// @inheritdoc IOperatorRegistry
    function acceptController(uint32 operatorId) external {
        Entry storage entry = _known(operatorId);
        if (msg.sender != entry.pendingController) {
            revert OperatorRegistryNotPendingController(operatorId, entry.pendingController, msg.sender);
        }
        _requireNotRetired(operatorId, entry);
        _checkController(operatorId, msg.sender);

        address previous = entry.controller;
        _setController(operatorId, entry, msg.sender);

        emit OperatorControllerRotated(operatorId, previous, msg.sender);
    }

    /// @inheritdoc IOperatorRegistry
    function rotateAccount(
        uint32 operatorId,
        address newAccount,
        uint40 overlapUntil
    ) external onlyController(operatorId) {
        Entry storage entry = _entries[operatorId];
        _checkAccount(operatorId, newAccount);
        if (newAccount == entry.account) revert OperatorRegistrySameKey(operatorId, KeyKind.Account);
        _checkOverlap(operatorId, entry, overlapUntil);

        address previous = entry.account;
        entry.account = newAccount;
        entry.previousAccount = overlapUntil == 0 ? address(0) : previous;
        entry.previousAccountUntil = overlapUntil;

        emit OperatorAccountRotated(operatorId, previous, newAccount, overlapUntil);
    }

    /// @inheritdoc IOperatorRegistry
    function rotateSigner(
        uint32 operatorId,
        bytes calldata newSigner,
        uint40 overlapUntil
    ) external onlyController(operatorId) {
        Entry storage entry = _entries[operatorId];
        _checkSigner(operatorId, newSigner);
        bytes memory previous = entry.signer;
        if (keccak256(newSigner) == keccak256(previous)) revert OperatorRegistrySameKey(operatorId, KeyKind.Signer);
        _checkOverlap(operatorId, entry, overlapUntil);

        entry.signer = newSigner;
        entry.previousSigner = overlapUntil == 0 ? bytes("") : previous;
        entry.previousSignerUntil = overlapUntil;

        emit OperatorSignerRotated(operatorId, previous, newSigner, overlapUntil);
    }

    /// @inheritdoc IOperatorRegistry
    function rotatePin(uint32 operatorId, bytes32 newPin, uint40 overlapUntil) external onlyController(operatorId) {
        Entry storage entry = _entries[operatorId];
        if (newPin == entry.pin) revert OperatorRegistrySameKey(operatorId, KeyKind.Pin);
        _checkPin(operatorId, newPin);
        _checkOverlap(operatorId, entry, overlapUntil);

        bytes32 previous = entry.pin;
        entry.pin = newPin;
        if (newPin == entry.nextPin) entry.nextPin = bytes32(0);
        entry.previousPin = overlapUntil == 0 ? bytes32(0) : previous;
        entry.previousPinUntil = overlapUntil;

        emit OperatorPinRotated(operatorId, previous, newPin, overlapUntil);
    }

    /// @inheritdoc IOperatorRegistry
    function setNextPin(uint32 operatorId, bytes32 nextPin) external onlyControllerInOffice(operatorId) {
        if (nextPin == _entries[operatorId].pin) revert OperatorRegistrySameKey(operatorId, KeyKind.Pin);

        _entries[operatorId].nextPin = nextPin;

        emit OperatorNextPinSet(operatorId, nextPin);
    }

    /// @inheritdoc IOperatorRegistry
    function endOverlap(uint32 operatorId, KeyKind kind) external onlyController(operatorId) {
        Entry storage entry = _entries[operatorId];
        uint40 until =
            kind == KeyKind.Account
                ? entry.previousAccountUntil
                : kind == KeyKind.Signer
                    ? entry.previousSignerUntil
                    : entry.previousPinUntil;
        if (!_within(until)) revert OperatorRegistryNoOverlap(operatorId, kind);

        if (kind == KeyKind.Account) {
            entry.previousAccount = address(0);
            entry.previousAccountUntil = 0;
        } else if (kind == KeyKind.Signer) {
            entry.previousSigner = "";
            entry.previousSignerUntil = 0;
        } else {
            entry.previousPin = bytes32(0);
            entry.previousPinUntil = 0;
        }

        emit OperatorOverlapEnded(operatorId, kind);
    }

    /// @inheritdoc IOperatorRegistry
    function setEndpoint(uint32 operatorId, string calldata endpoint) external onlyControllerInOffice(operatorId) {
        _checkEndpoint(operatorId, endpoint);

        _entries[operatorId].endpoint = endpoint;

        emit OperatorEndpointChanged(operatorId, endpoint);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IOperatorRegistry
    function operator(uint32 operatorId) external view returns (Operator memory) {
        Entry storage entry = _entries[operatorId];
        return
            Operator({
                status: _statusOf(entry),
                handle: entry.handle,
                controller: entry.controller,
                pendingController: entry.pendingController,
                account: entry.account,
                previousAccount: entry.previousAccount,
                previousAccountUntil: entry.previousAccountUntil,
                signer: entry.signer,
                previousSigner: entry.previousSigner,
                previousSignerUntil: entry.previousSignerUntil,
                pin: entry.pin,
                nextPin: entry.nextPin,
                previousPin: entry.previousPin,
                previousPinUntil: entry.previousPinUntil,
                endpoint: entry.endpoint,
                emergencyUntil: entry.emergencyUntil
            });
    }

    /// @inheritdoc IOperatorRegistry
    function operatorByHandle(string calldata handle) external view returns (uint32) {
        return _idByHandle[keccak256(bytes(handle))];
    }

    /// @inheritdoc IOperatorRegistry
    function operatorByController(address controller) external view returns (uint32) {
        return _idByController[controller];
    }

    /// @inheritdoc IOperatorRegistry
    function statusOf(uint32 operatorId) external view returns (OperatorStatus) {
        return _statusOf(_entries[operatorId]);
    }

    /// @inheritdoc IOperatorRegistry
    function isActive(uint32 operatorId) external view returns (bool) {
        return _statusOf(_entries[operatorId]) == OperatorStatus.Active;
    }

    /// @inheritdoc IOperatorRegistry
    function standingAt(uint32 operatorId, uint48 timepoint) external view returns (Standing) {
        return Standing(_standings[operatorId].upperLookupRecent(_past(timepoint)));
    }

    /// @inheritdoc IOperatorRegistry
    function votersAt(uint48 timepoint) external view returns (uint256) {
        return _voters.upperLookupRecent(_past(timepoint));
    }

    /// @inheritdoc IOperatorRegistry
    function membersAt(uint48 timepoint) external view returns (uint256) {
        return _members.upperLookupRecent(_past(timepoint));
    }

    /// @inheritdoc IOperatorRegistry
    function emergencies() external view returns (uint256 now_, uint256 most) {
        for (uint256 i = 0; i < _underEmergency.length; ++i) {
            if (_inEmergency(_entries[_underEmergency[i]])) ++now_;
        }
        most = _mostEmergencies();
    }

    /// @inheritdoc IOperatorRegistry
    function isAccount(uint32 operatorId, address candidate) external view returns (bool) {
        Entry storage entry = _entries[operatorId];
        // The account of an operator that was never admitted is zero, and zero is nobody's.
        if (candidate == address(0)) return false;
        return
            candidate == entry.account || (_within(entry.previousAccountUntil) && candidate == entry.previousAccount);
    }

    /// @inheritdoc IOperatorRegistry
    function checkSignature(uint32 operatorId, bytes32 digest, bytes calldata signature) external view returns (bool) {
        Entry storage entry = _entries[operatorId];
        // No check of the id: an operator that was never admitted has no signer, and no bytes sign for nobody.
        return
            SignatureChecker.isValidSignatureNow(entry.signer, digest, signature) ||
            (_within(entry.previousSignerUntil) &&
                SignatureChecker.isValidSignatureNow(entry.previousSigner, digest, signature));
    }

    /// @inheritdoc IOperatorRegistry
    function finality() external view returns (Finality memory) {
        return _finality;
    }

    // ------------------------------------------------------------------ guards and shared writes

    function _known(uint32 operatorId) private view returns (Entry storage entry) {
        entry = _entries[operatorId];
        if (entry.status == OperatorStatus.Unknown) revert OperatorRegistryUnknownOperator(operatorId);
    }

    function _requireNotRetired(uint32 operatorId, Entry storage entry) private view {
        if (entry.status == OperatorStatus.Retired) revert OperatorRegistryRetired(operatorId);
    }

    function _requireStatus(uint32 operatorId, OperatorStatus expected, OperatorStatus actual) private pure {
        if (actual != expected) revert OperatorRegistryUnexpectedStatus(operatorId, expected, actual);
    }

    /// @dev The one place that reads a status as it counts now.
    function _statusOf(Entry storage entry) private view returns (OperatorStatus) {
        return _inEmergency(entry) ? OperatorStatus.Suspended : entry.status;
    }

    function _inEmergency(Entry storage entry) private view returns (bool) {
        return entry.emergency && _within(entry.emergencyUntil);
    }

    function _endEmergency(Entry storage entry) private {
        if (!entry.emergency) return;
        entry.emergency = false;
        entry.emergencyUntil = 0;
    }

    /// @dev ⌊(v−1)/3⌋; v is never 0 where it matters, since an operator under suspension has its vote.
    function _mostEmergencies() private view returns (uint256) {
        uint256 voters = _voters.latest();
        return voters == 0 ? 0 : (voters - 1) / 3;
    }

    function _forgetPastEmergencies() private {
        uint256 i = 0;
        while (i < _underEmergency.length) {
            if (_inEmergency(_entries[_underEmergency[i]])) {
                ++i;
            } else {
                _underEmergency[i] = _underEmergency[_underEmergency.length - 1];
                _underEmergency.pop();
            }
        }
    }

    function _setStanding(uint32 operatorId, Standing standing) private {
        uint48 timestamp = uint48(block.timestamp);
        Standing previous = Standing(_standings[operatorId].latest());
        _standings[operatorId].push(timestamp, uint208(standing));
        uint208 voters = _voters.latest();
        if (previous == Standing.Voter) --voters;
        if (standing == Standing.Voter) ++voters;
        _voters.push(timestamp, voters);
        uint208 members = _members.latest();
        if (previous != Standing.None) --members;
        if (standing != Standing.None) ++members;
        _members.push(timestamp, members);
    }

    function _past(uint48 timepoint) private view returns (uint48) {
        if (timepoint >= block.timestamp) revert OperatorRegistryFutureLookup(timepoint, block.timestamp);
        return timepoint;
    }

    function _checkController(uint32 operatorId, address controller) private view {
        if (controller == address(0)) revert OperatorRegistryInvalidController(operatorId, controller);
        uint32 holder = _idByController[controller];
        if (holder != 0) revert OperatorRegistryControllerTaken(operatorId, controller, holder);
    }

    function _setController(uint32 operatorId, Entry storage entry, address controller) private {
        delete _idByController[entry.controller];
        _idByController[controller] = operatorId;
        entry.controller = controller;
        entry.pendingController = address(0);
    }

    function _checkAccount(uint32 operatorId, address account) private pure {
        if (account == address(0)) revert OperatorRegistryInvalidAccount(operatorId, account);
    }

    function _checkSigner(uint32 operatorId, bytes calldata signer) private pure {
        if (signer.length < LEAST_SIGNER_BYTES || signer.length > MAX_SIGNER_BYTES) {
            revert OperatorRegistryInvalidSigner(operatorId, signer);
        }
    }

    function _checkEndpoint(uint32 operatorId, string calldata endpoint) private pure {
        if (!_isPrintable(endpoint, MAX_ENDPOINT_BYTES)) revert OperatorRegistryInvalidEndpoint(operatorId, endpoint);
    }

    /// @dev 1 to `most` characters of printable ASCII: what any reader of the chain can decode and show.
    function _isPrintable(string calldata text, uint256 most) private pure returns (bool) {
        bytes calldata characters = bytes(text);
        if (characters.length == 0 || characters.length > most) return false;
        for (uint256 i = 0; i < characters.length; ++i) {
            if (characters[i] < 0x20 || characters[i] > 0x7e) return false;
        }
        return true;
    }

    /// @dev No look at the pins of others: whoever names somebody else's lets that key speak for it, and nobody more.
    function _checkPin(uint32 operatorId, bytes32 pin) private pure {
        if (pin == bytes32(0)) revert OperatorRegistryInvalidPin(operatorId, pin);
    }

    function _checkOverlap(uint32 operatorId, Entry storage entry, uint40 until) private view {
        if (until == 0) return;
        _requireNotRetired(operatorId, entry);
        uint256 latest = block.timestamp + MAX_OVERLAP_SECONDS;
        if (until < block.timestamp || until > latest) {
            revert OperatorRegistryOverlapOutOfRange(operatorId, until, block.timestamp, latest);
        }
    }

    function _setMaxWindow(uint32 seconds_) private {
        if (seconds_ < LEAST_MAX_WINDOW_SECONDS || seconds_ > MOST_MAX_WINDOW_SECONDS) {
            revert OperatorRegistryMaxWindowOutOfRange(seconds_, LEAST_MAX_WINDOW_SECONDS, MOST_MAX_WINDOW_SECONDS);
        }

        uint32 previous = maxWindow;
        maxWindow = seconds_;

        emit MaxWindowChanged(previous, seconds_);
    }

    function _setFinality(Finality memory newFinality) private {
        if (newFinality.mode == FinalityMode.FinalizedTag && newFinality.depth != 0) {
            revert OperatorRegistryDepthWithoutMeaning(newFinality.depth);
        }

        _finality = newFinality;

        emit FinalityChanged(newFinality.mode, newFinality.depth);
    }

    /// @dev 0 means that there is no previous key.
    function _within(uint40 until) private view returns (bool) {
        return block.timestamp <= until;
    }
}
