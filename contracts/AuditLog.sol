// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IAuditLog} from "./interfaces/IAuditLog.sol";
import {IOperatorRegistry} from "./interfaces/IOperatorRegistry.sol";

/// @title AuditLog
/// @notice The manual is {IAuditLog}.
contract AuditLog is IAuditLog, EIP712, Multicall {
    uint256 public constant MAX_NAME_BYTES = 64;
    uint64 public constant MAX_REQUESTS_LISTED = 1000;
    /// @inheritdoc IAuditLog
    uint64 public constant MAX_ENTRIES_APART = 65_536;

    bytes32 public constant REQUEST_TYPEHASH = keccak256(
        "Request(uint32 auditorId,uint32 operatorId,bytes32 digest,uint40 madeAt,uint40 due)"
    );
    bytes32 public constant STATEMENT_TYPEHASH = keccak256(
        "Statement(uint32 operatorA,uint32 operatorB,bytes32 statementDigest)"
    );
    bytes32 public constant DISCHARGE_TYPEHASH = keccak256(
        "Discharge(uint32 payee,bytes32 statementDigest,bytes32 referenceDigest)"
    );

    /// @inheritdoc IAuditLog
    IOperatorRegistry public immutable REGISTRY;

    /// @inheritdoc IAuditLog
    uint32 public auditorCount;
    /// @inheritdoc IAuditLog
    uint64 public requestCount;
    mapping(uint32 operatorId => Checkpoint) private _checkpoints;
    mapping(uint32 auditorId => Auditor) private _auditors;
    /// @inheritdoc IAuditLog
    mapping(address account => uint32 auditorId) public auditorByAccount;
    mapping(uint64 requestId => Request) private _requests;
    /// @dev By the typed digest of a confidential request: released once.
    mapping(bytes32 typedDigest => uint64 requestId) private _released;
    mapping(bytes32 statementDigest => mapping(uint32 operatorId => uint32 counterparty)) private _counterparties;
    mapping(bytes32 statementDigest => mapping(uint32 payee => bytes32 referenceDigest)) private _discharges;
    /// @dev A reference can be any 32 bytes, zero too.
    mapping(bytes32 statementDigest => mapping(uint32 payee => bool)) private _discharged;

    modifier onlyAuthority() {
        address authority = Ownable(address(REGISTRY)).owner();
        if (msg.sender != authority) revert AuditLogNotAuthority(authority, msg.sender);
        _;
    }

    modifier onlyAccountOf(uint32 operatorId) {
        if (!REGISTRY.isAccount(operatorId, msg.sender)) revert AuditLogNotOperatorAccount(operatorId, msg.sender);
        _;
    }

    constructor(IOperatorRegistry registry) EIP712("Tandem audit log", "1") {
        if (address(registry).code.length == 0) revert AuditLogNoRegistry(address(registry));
        REGISTRY = registry;
    }

    // ------------------------------------------------------------------ journals

    /// @inheritdoc IAuditLog
    function checkpoint(uint32 operatorId, uint64 entry, bytes32 journalHead) external onlyAccountOf(operatorId) {
        _requireNotRetired(operatorId);
        uint64 last = _checkpoints[operatorId].entry;
        if (entry <= last) revert AuditLogCheckpointNotNewer(operatorId, last, entry);
        if (entry - last > MAX_ENTRIES_APART) revert AuditLogCheckpointTooFar(operatorId, last, entry);

        _checkpoints[operatorId] = Checkpoint(entry, uint40(block.timestamp), journalHead);

        emit JournalCheckpoint(operatorId, entry, journalHead);
    }

    /// @inheritdoc IAuditLog
    function disownHeads(uint32 operatorId, uint64 entry) external {
        // No check of the id: operator 0, which is what a stranger controls, has no head that could be disowned.
        if (REGISTRY.operatorByController(msg.sender) != operatorId) {
            revert AuditLogNotController(operatorId, msg.sender);
        }
        _requireNotRetired(operatorId);
        uint64 last = _checkpoints[operatorId].entry;
        if (entry >= last) revert AuditLogNothingToDisown(operatorId, last, entry);

        _checkpoints[operatorId] = Checkpoint(entry, uint40(block.timestamp), bytes32(0));

        emit JournalHeadsDisowned(operatorId, last, entry);
    }

    // ------------------------------------------------------------------ auditors

    /// @inheritdoc IAuditLog
    function admitAuditor(
        address account,
        address authority,
        string calldata name
    ) external onlyAuthority returns (uint32 auditorId) {
        if (bytes(name).length == 0 || bytes(name).length > MAX_NAME_BYTES) revert AuditLogInvalidName(name);
        _checkAccount(account);

        auditorId = ++auditorCount;
        _auditors[auditorId] = Auditor(true, account, authority, name);
        auditorByAccount[account] = auditorId;

        emit AuditorAdmitted(auditorId, account, authority, name);
    }

    /// @inheritdoc IAuditLog
    function dismissAuditor(uint32 auditorId) external onlyAuthority {
        Auditor storage found = _admitted(auditorId);

        found.admitted = false;
        delete auditorByAccount[found.account];

        emit AuditorDismissed(auditorId);
    }

    /// @inheritdoc IAuditLog
    function rotateAuditorAccount(uint32 auditorId, address newAccount) external {
        Auditor storage found = _admittedCaller(auditorId);
        _checkAccount(newAccount);

        delete auditorByAccount[msg.sender];
        auditorByAccount[newAccount] = auditorId;
        found.account = newAccount;

        emit AuditorAccountRotated(auditorId, msg.sender, newAccount);
    }

    // ------------------------------------------------------------------ requests

    /// @inheritdoc IAuditLog
    function requestDisclosure(
        uint32 auditorId,
        uint32 operatorId,
        bytes32 digest,
        uint40 due
    ) external returns (uint64 requestId) {
        _admittedCaller(auditorId);
        return _file(ConfidentialRequest(auditorId, operatorId, digest, uint40(block.timestamp), due), false);
    }

    /// @inheritdoc IAuditLog
    function releaseRequest(
        ConfidentialRequest calldata request,
        bytes calldata auditorSignature
    ) external returns (uint64 requestId) {
        Auditor storage found = _admitted(request.auditorId);
        if (msg.sender != found.authority) {
            revert AuditLogNotAuditorsAuthority(request.auditorId, found.authority, msg.sender);
        }
        if (request.madeAt > block.timestamp) revert AuditLogMadeInFuture(block.timestamp, request.madeAt);
        requestId = _file(request, true);
        bytes32 typedDigest = requestDigestOf(request);
        if (_released[typedDigest] != 0) revert AuditLogAlreadyReleased(request.digest, _released[typedDigest]);
        if (!SignatureChecker.isValidSignatureNow(found.account, typedDigest, auditorSignature)) {
            revert AuditLogInvalidAuditorSignature(request.auditorId, typedDigest, auditorSignature);
        }
        _released[typedDigest] = requestId;
    }

    /// @inheritdoc IAuditLog
    function answer(uint32 operatorId, uint64 requestId, bytes32 handedOver) external onlyAccountOf(operatorId) {
        Request storage found = _requests[requestId];
        if (found.filedAt == 0) revert AuditLogUnknownRequest(requestId);
        if (found.operatorId != operatorId) revert AuditLogNotRequested(requestId, found.operatorId, operatorId);
        if (found.answeredAt != 0) revert AuditLogAlreadyAnswered(requestId, found.answer, handedOver);

        found.answeredAt = uint40(block.timestamp);
        found.answer = handedOver;

        emit DisclosureAnswered(requestId, operatorId, handedOver, block.timestamp > found.due);
    }

    function _file(ConfidentialRequest memory request, bool confidential) private returns (uint64 requestId) {
        if (REGISTRY.statusOf(request.operatorId) == IOperatorRegistry.OperatorStatus.Unknown) {
            revert AuditLogUnknownOperator(request.operatorId);
        }
        if (request.due <= block.timestamp) revert AuditLogDueOutOfRange(block.timestamp + 1, request.due);

        requestId = ++requestCount;
        _requests[requestId] = Request({
            auditorId: request.auditorId,
            operatorId: request.operatorId,
            madeAt: request.madeAt,
            filedAt: uint40(block.timestamp),
            due: request.due,
            answeredAt: 0,
            confidential: confidential,
            digest: request.digest,
            answer: bytes32(0)
        });

        emit DisclosureRequested(
            requestId,
            request.operatorId,
            request.auditorId,
            request.digest,
            request.madeAt,
            request.due,
            confidential
        );
    }

    // ------------------------------------------------------------------ statements

    /// @inheritdoc IAuditLog
    function anchorStatement(
        uint32 operatorA,
        uint32 operatorB,
        bytes32 statementDigest,
        bytes calldata signatureA,
        bytes calldata signatureB
    ) external {
        if (operatorA >= operatorB) revert AuditLogOperatorsOutOfOrder(operatorA, operatorB);
        bytes32 digest = statementDigestToSign(operatorA, operatorB, statementDigest);
        _requireSignature(operatorA, digest, signatureA);
        _requireSignature(operatorB, digest, signatureB);
        mapping(uint32 operatorId => uint32) storage counterparties = _counterparties[statementDigest];
        if (counterparties[operatorA] == operatorB) return;
        _requireUntaken(statementDigest, operatorA, operatorB);
        _requireUntaken(statementDigest, operatorB, operatorA);

        counterparties[operatorA] = operatorB;
        counterparties[operatorB] = operatorA;

        emit StatementAnchored(statementDigest, operatorA, operatorB);
    }

    /// @inheritdoc IAuditLog
    function discharge(
        uint32 payee,
        bytes32 statementDigest,
        bytes32 referenceDigest,
        bytes calldata signature
    ) external {
        uint32 payer = _counterparties[statementDigest][payee];
        if (payer == 0) revert AuditLogUnknownStatement(statementDigest, payee);
        _requireSignature(payee, dischargeDigestToSign(payee, statementDigest, referenceDigest), signature);
        if (_discharged[statementDigest][payee]) {
            bytes32 before = _discharges[statementDigest][payee];
            if (before == referenceDigest) return;
            revert AuditLogAlreadyDischarged(statementDigest, payee, before, referenceDigest);
        }

        _discharged[statementDigest][payee] = true;
        _discharges[statementDigest][payee] = referenceDigest;

        emit StatementDischarged(statementDigest, payee, payer, referenceDigest);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IAuditLog
    function lastCheckpoint(uint32 operatorId) external view returns (Checkpoint memory) {
        return _checkpoints[operatorId];
    }

    /// @inheritdoc IAuditLog
    function auditor(uint32 auditorId) external view returns (Auditor memory) {
        return _auditors[auditorId];
    }

    /// @inheritdoc IAuditLog
    function disclosureRequest(uint64 requestId) external view returns (Request memory) {
        return _requests[requestId];
    }

    /// @inheritdoc IAuditLog
    function overdueRequests(uint64 first, uint64 last) external view returns (uint64[] memory overdue) {
        if (last > requestCount) last = requestCount;
        if (first == 0) first = 1;
        if (first > last) return overdue;
        if (last - first >= MAX_REQUESTS_LISTED) last = first + MAX_REQUESTS_LISTED - 1;
        uint64[] memory found = new uint64[](last - first + 1);
        uint256 count = 0;
        for (uint64 requestId = first; requestId <= last; ++requestId) {
            if (!isOverdue(requestId)) continue;
            found[count] = requestId;
            ++count;
        }
        overdue = new uint64[](count);
        for (uint256 i = 0; i < count; ++i) overdue[i] = found[i];
    }

    /// @inheritdoc IAuditLog
    function counterpartyOf(bytes32 statementDigest, uint32 operatorId) external view returns (uint32) {
        return _counterparties[statementDigest][operatorId];
    }

    /// @inheritdoc IAuditLog
    function dischargeOf(bytes32 statementDigest, uint32 payee) external view returns (bytes32) {
        return _discharges[statementDigest][payee];
    }

    /// @inheritdoc IAuditLog
    function isOverdue(uint64 requestId) public view returns (bool) {
        Request storage found = _requests[requestId];
        return found.filedAt != 0 && found.answeredAt == 0 && block.timestamp > found.due;
    }

    /// @inheritdoc IAuditLog
    function requestDigestOf(ConfidentialRequest calldata request) public view returns (bytes32) {
        return
            _hashTypedDataV4(
                keccak256(
                    abi.encode(
                        REQUEST_TYPEHASH,
                        request.auditorId,
                        request.operatorId,
                        request.digest,
                        request.madeAt,
                        request.due
                    )
                )
            );
    }

    /// @inheritdoc IAuditLog
    function statementDigestToSign(
        uint32 operatorA,
        uint32 operatorB,
        bytes32 statementDigest
    ) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(STATEMENT_TYPEHASH, operatorA, operatorB, statementDigest)));
    }

    /// @inheritdoc IAuditLog
    function dischargeDigestToSign(
        uint32 payee,
        bytes32 statementDigest,
        bytes32 referenceDigest
    ) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(DISCHARGE_TYPEHASH, payee, statementDigest, referenceDigest)));
    }

    // ------------------------------------------------------------------ guards

    function _requireNotRetired(uint32 operatorId) private view {
        if (REGISTRY.statusOf(operatorId) == IOperatorRegistry.OperatorStatus.Retired) {
            revert AuditLogOperatorRetired(operatorId);
        }
    }

    function _admitted(uint32 auditorId) private view returns (Auditor storage found) {
        found = _auditors[auditorId];
        if (!found.admitted) revert AuditLogUnknownAuditor(auditorId);
    }

    function _admittedCaller(uint32 auditorId) private view returns (Auditor storage found) {
        found = _admitted(auditorId);
        if (msg.sender != found.account) revert AuditLogNotAuditor(auditorId, found.account, msg.sender);
    }

    function _checkAccount(address account) private view {
        if (account == address(0)) revert AuditLogInvalidAccount(account);
        if (auditorByAccount[account] != 0) revert AuditLogAccountTaken(account, auditorByAccount[account]);
    }

    function _requireSignature(uint32 operatorId, bytes32 digest, bytes calldata signature) private view {
        if (!REGISTRY.checkSignature(operatorId, digest, signature)) {
            revert AuditLogInvalidSignature(operatorId, digest, signature);
        }
    }

    function _requireUntaken(bytes32 statementDigest, uint32 operatorId, uint32 actual) private view {
        uint32 expected = _counterparties[statementDigest][operatorId];
        if (expected != 0) revert AuditLogStatementTaken(statementDigest, operatorId, expected, actual);
    }
}
