// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOperatorRegistry} from "./IOperatorRegistry.sol";

/// @title The audit, audited
/// @notice Where operators anchor the heads of their journals, auditors file what they ask to be shown, operators answer,
/// and two operators anchor what they settled between them.
///
/// A request for disclosure shows the operator, the auditor, its number and when it is due. What it asks for (batch, index,
/// scope, reason) is inside one digest, salted with 128 random bits, which the operator is given outside the chain:
///
///   none --requestDisclosure, releaseRequest--> open --answer--> answered
///                                                 |
///                                                 +--later than `due`--> overdue --answer--> answered, late
///
/// A confidential request is signed by its auditor and stays off the chain until the authority over that auditor files it;
/// the chain then shows when it was made and when it was released.
///
/// A statement is anchored once for its two operators, and discharged once by each that was owed.
///
/// Heads of a journal are at most `MAX_ENTRIES_APART` entries apart, so that no call of an account in the wrong hands runs
/// away from the journal. Whoever has the account can still call again and again: the controller, once it has rotated that
/// account, disowns what was anchored with it. Nothing is taken back in silence: the disowned heads stay in the log, they
/// vouch for nothing from then on, and what is anchored in their place is as young as its block.
///
/// Who may call: `checkpoint` the account of that operator until it is retired, and `disownHeads` its controller; `answer`
/// its account, whatever its status; `requestDisclosure` an admitted auditor; `releaseRequest` the authority over the auditor that signed; `anchorStatement` and `discharge` anyone,
/// with the operators' signatures; auditors are admitted and dismissed by the authority over the registry.
///
/// Signatures are EIP-712, domain `{name: "Tandem audit log", version: "1", chainId, verifyingContract}`, types
///
///   Request(uint32 auditorId,uint32 operatorId,bytes32 digest,uint40 madeAt,uint40 due)
///   Statement(uint32 operatorA,uint32 operatorB,bytes32 statementDigest)
///   Discharge(uint32 payee,bytes32 statementDigest,bytes32 referenceDigest)
///
/// the first by the auditor's account (EOA or ERC-1271), the others by the operators' signers as in the registry.
///
/// Assumed of outside parts: the registry tells the truth about accounts, signatures and its own authority.
interface IAuditLog {
    /// @param account Files requests and signs confidential ones.
    /// @param authority Releases this auditor's confidential requests; zero: it can make none.
    /// @param name What it is called, 1–64 bytes.
    struct Auditor {
        bool admitted;
        address account;
        address authority;
        string name;
    }

    /// @param madeAt When it was filed; of a confidential one, when its auditor says it was made.
    /// @param filedAt Timestamp of the block that shows it.
    /// @param answeredAt 0 until the operator has answered.
    /// @param digest Salted digest of batch, index, scope and reason.
    /// @param answer Salted digest of what the operator handed over.
    struct Request {
        uint32 auditorId;
        uint32 operatorId;
        uint40 madeAt;
        uint40 filedAt;
        uint40 due;
        uint40 answeredAt;
        bool confidential;
        bytes32 digest;
        bytes32 answer;
    }

    /// @param entry Number of the journal's entry, from 1. The next head is of a later one.
    /// @param timestamp When it was anchored, or when what came after it was disowned.
    /// @param head The journal's head after that entry; zero where nothing was anchored since heads were disowned.
    struct Checkpoint {
        uint64 entry;
        uint40 timestamp;
        bytes32 head;
    }

    /// @notice What the auditor signs and its authority releases.
    struct ConfidentialRequest {
        uint32 auditorId;
        uint32 operatorId;
        bytes32 digest;
        uint40 madeAt;
        uint40 due;
    }

    event JournalCheckpoint(uint32 indexed operatorId, uint64 entry, bytes32 journalHead);
    /// @notice The heads of entries later than `entry`, up to that of `last`, are not of this operator's journal.
    event JournalHeadsDisowned(uint32 indexed operatorId, uint64 last, uint64 entry);
    event AuditorAdmitted(uint32 indexed auditorId, address account, address authority, string name);
    event AuditorDismissed(uint32 indexed auditorId);
    event AuditorAccountRotated(uint32 indexed auditorId, address previousAccount, address account);
    event DisclosureRequested(
        uint64 indexed requestId,
        uint32 indexed operatorId,
        uint32 indexed auditorId,
        bytes32 digest,
        uint40 madeAt,
        uint40 due,
        bool confidential
    );
    event DisclosureAnswered(uint64 indexed requestId, uint32 indexed operatorId, bytes32 answer, bool late);
    event StatementAnchored(bytes32 indexed statementDigest, uint32 indexed operatorA, uint32 indexed operatorB);
    event StatementDischarged(
        bytes32 indexed statementDigest,
        uint32 indexed payee,
        uint32 indexed payer,
        bytes32 referenceDigest
    );

    error AuditLogNoRegistry(address registry);
    error AuditLogNotAuthority(address expected, address actual);
    error AuditLogNotOperatorAccount(uint32 operatorId, address actual);
    error AuditLogUnknownOperator(uint32 operatorId);
    /// @notice A journal ends when its operator is retired: the last head comes before that.
    error AuditLogOperatorRetired(uint32 operatorId);
    error AuditLogCheckpointNotNewer(uint32 operatorId, uint64 last, uint64 actual);
    /// @notice More than `MAX_ENTRIES_APART` after the last one: heads in between come first.
    error AuditLogCheckpointTooFar(uint32 operatorId, uint64 last, uint64 actual);
    error AuditLogNotController(uint32 operatorId, address actual);
    error AuditLogNothingToDisown(uint32 operatorId, uint64 last, uint64 actual);
    error AuditLogInvalidName(string name);
    error AuditLogInvalidAccount(address account);
    error AuditLogAccountTaken(address account, uint32 holder);
    error AuditLogUnknownAuditor(uint32 auditorId);
    error AuditLogNotAuditor(uint32 auditorId, address expected, address actual);
    /// @notice A due time must lie ahead; of a confidential request, when it is released too.
    error AuditLogDueOutOfRange(uint256 earliest, uint40 actual);
    error AuditLogMadeInFuture(uint256 timestamp, uint40 actual);
    error AuditLogNotAuditorsAuthority(uint32 auditorId, address expected, address actual);
    error AuditLogInvalidAuditorSignature(uint32 auditorId, bytes32 digest, bytes signature);
    error AuditLogAlreadyReleased(bytes32 digest, uint64 requestId);
    error AuditLogUnknownRequest(uint64 requestId);
    error AuditLogNotRequested(uint64 requestId, uint32 expected, uint32 actual);
    error AuditLogAlreadyAnswered(uint64 requestId, bytes32 answered, bytes32 actual);
    error AuditLogOperatorsOutOfOrder(uint32 operatorA, uint32 operatorB);
    error AuditLogInvalidSignature(uint32 operatorId, bytes32 digest, bytes signature);
    /// @notice That digest is anchored already, between this operator and another one.
    error AuditLogStatementTaken(bytes32 statementDigest, uint32 operatorId, uint32 expected, uint32 actual);
    error AuditLogUnknownStatement(bytes32 statementDigest, uint32 operatorId);
    error AuditLogAlreadyDischarged(bytes32 statementDigest, uint32 payee, bytes32 discharged, bytes32 actual);

    /// @notice Anchors the head of an operator's journal. Refused, in this order: a caller that is not its account; an
    /// operator that is retired; an entry that is not later than the last one, or more than `MAX_ENTRIES_APART` later.
    function checkpoint(uint32 operatorId, uint64 entry, bytes32 journalHead) external;

    /// @notice By the operator's controller: the heads that are anchored of entries later than `entry` are not of its
    /// journal, which goes on after that entry. Refused, in this order: another caller; an operator that is retired; an
    /// entry that is not before the last one.
    function disownHeads(uint32 operatorId, uint64 entry) external;

    /// @notice By the authority over the registry. Refused, in this order: another caller; a name of 0 or more than 64
    /// bytes; an account that is zero or another auditor's.
    /// @return auditorId The next one, from 1.
    function admitAuditor(address account, address authority, string calldata name) external returns (uint32 auditorId);

    /// @notice By the authority over the registry: the auditor files nothing more. What is filed stays due.
    function dismissAuditor(uint32 auditorId) external;

    /// @notice By the auditor's account, which is replaced at once.
    function rotateAuditorAccount(uint32 auditorId, address newAccount) external;

    /// @notice By an admitted auditor's account. Refused, in this order: another caller; an operator that was never
    /// admitted; a due time that is not ahead.
    /// @return requestId The next one, from 1.
    function requestDisclosure(
        uint32 auditorId,
        uint32 operatorId,
        bytes32 digest,
        uint40 due
    ) external returns (uint64 requestId);

    /// @notice Files a confidential request. Refused, in this order: an auditor that is not admitted; a caller that is not
    /// its authority; one that was made later than now; an operator that was never admitted; a due time that is not ahead;
    /// a request released before; a signature that is not the auditor's.
    function releaseRequest(
        ConfidentialRequest calldata request,
        bytes calldata auditorSignature
    ) external returns (uint64 requestId);

    /// @notice By the account of the operator that was asked: what it handed over, once. After the due time too, as late.
    function answer(uint32 operatorId, uint64 requestId, bytes32 handedOver) external;

    /// @notice Anchors what two operators both signed as the statement of what they owe each other. Again: changes nothing.
    /// Refused, in this order: A not below B; A's, then B's signature; a digest that either anchored with another operator.
    function anchorStatement(
        uint32 operatorA,
        uint32 operatorB,
        bytes32 statementDigest,
        bytes calldata signatureA,
        bytes calldata signatureB
    ) external;

    /// @notice Anchors that an operator has been paid what a statement owes it; `referenceDigest` is the salted digest of how.
    /// Again: changes nothing. Refused, in this order: a statement that this operator has not anchored; its signature; a
    /// second discharge with another reference.
    function discharge(
        uint32 payee,
        bytes32 statementDigest,
        bytes32 referenceDigest,
        bytes calldata signature
    ) external;

    /// @notice How far two heads of a journal can be apart.
    function MAX_ENTRIES_APART() external view returns (uint64);

    function lastCheckpoint(uint32 operatorId) external view returns (Checkpoint memory);

    function auditor(uint32 auditorId) external view returns (Auditor memory);

    /// @notice The auditor whose account this is now, or 0.
    function auditorByAccount(address account) external view returns (uint32);

    /// @notice Ids 1 … auditorCount() were given.
    function auditorCount() external view returns (uint32);

    /// @notice Requests 1 … requestCount() were filed.
    function requestCount() external view returns (uint64);

    /// @notice All zero if it was not filed.
    function disclosureRequest(uint64 requestId) external view returns (Request memory);

    /// @notice Whether it is not answered and later than its due time.
    function isOverdue(uint64 requestId) external view returns (bool);

    /// @notice Which of the requests `first` … `last` (at most 1,000) are overdue now.
    function overdueRequests(uint64 first, uint64 last) external view returns (uint64[] memory);

    /// @notice With whom an operator anchored that statement, or 0.
    function counterpartyOf(bytes32 statementDigest, uint32 operatorId) external view returns (uint32);

    /// @notice With which reference that operator said it was paid, or zero.
    function dischargeOf(bytes32 statementDigest, uint32 payee) external view returns (bytes32);

    function requestDigestOf(ConfidentialRequest calldata request) external view returns (bytes32);

    function statementDigestToSign(
        uint32 operatorA,
        uint32 operatorB,
        bytes32 statementDigest
    ) external view returns (bytes32);

    function dischargeDigestToSign(
        uint32 payee,
        bytes32 statementDigest,
        bytes32 referenceDigest
    ) external view returns (bytes32);

    /// @notice Who the operators are, and through its owner, who admits auditors; fixed at deployment.
    function REGISTRY() external view returns (IOperatorRegistry);
}
