// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOperatorRegistry} from "./IOperatorRegistry.sol";

/// @title How the operators decide together
/// @notice OpenZeppelin's Governor with one vote for each operator that has one, on top of which two operators can suspend
/// another for an emergency. Proposing, voting, queueing and executing are as in OpenZeppelin's `IGovernor`; this says what
/// is particular.
///
/// Who votes: the operators, each by the controller that it has *now*, with the standing that it had in the registry *at
/// the proposal's snapshot*. In `proposalProposer`, `hasVoted`, `getVotes`, `VoteCast` and `ProposalCreated` an operator
/// stands as `address(uint160(operatorId))`; `hasVoted` and `getVotes` take a controller's address as well. So a rotated
/// controller votes no second time, and a key that was rotated out votes no more.
///
/// What passes: a proposal that more than half of the voters are for; or that more than half of all members are for, those
/// among them who are suspended included. The second way is there so that no sequence of suspensions can leave the
/// consortium without anyone to decide. Against and abstain are counted, and decide nothing.
///
/// Clock: unix seconds. A proposal is Pending for `votingDelay`, Active for `votingPeriod`, and what succeeded is queued in
/// the timelock by anyone, and executed from there by anyone once its delay is over.
///
/// Emergency: the second operator that supports it suspends the target in the registry for `EMERGENCY_SECONDS`, which is
/// at least as long as a vote with its delays, and opens the vote on confirming it. Support lasts as long. The target can
/// be suspended so again only when that vote has ended.
///
/// An emergency is *rejected* when its vote did not pass and had more against it than for it, the target's own vote aside:
/// then neither of its two supporters counts against that operator for a time, which begins with the end of the vote. It is
/// the length of a vote (`votingDelay` and `votingPeriod`), twice as long after each further rejected emergency of theirs
/// against the same operator, and never more than 30 days. Silence rejects nothing: who finds an emergency wrong votes against.
///
/// Assumed of outside parts: the registry tells the truth about controllers and standings, and its guardian is this.
interface IConsortiumGovernor {
    /// @param votingDelaySeconds From proposal to snapshot.
    /// @param votingPeriodSeconds From snapshot to the end of the vote.
    /// @param timelockSeconds From queueing to when it can be executed.
    /// @param emergencySeconds How long an emergency suspension lasts; at least the sum of the three.
    struct Settings {
        uint32 votingDelaySeconds;
        uint32 votingPeriodSeconds;
        uint32 timelockSeconds;
        uint32 emergencySeconds;
    }

    /// @param supporter The operator whose support stands alone; 0 if none.
    /// @param supportedUntil Last second at which that support counts.
    /// @param count Emergency suspensions of this operator so far.
    /// @param firstSupporter Of the latest one; 0 if there was none.
    /// @param secondSupporter Of the latest one; 0 if there was none.
    /// @param proposalId The vote that the latest one opened; 0 if there was none.
    struct Emergency {
        uint32 supporter;
        uint40 supportedUntil;
        uint32 count;
        uint32 firstSupporter;
        uint32 secondSupporter;
        uint256 proposalId;
    }

    /// @notice The first of the two that it takes.
    event EmergencySupported(uint32 indexed operatorId, uint32 indexed supporter, uint40 until);
    event EmergencySuspension(
        uint32 indexed operatorId,
        uint32 firstSupporter,
        uint32 secondSupporter,
        uint40 until,
        uint256 proposalId
    );

    error ConsortiumGovernorNotController(address actual);
    /// @notice The operator was not admitted, or was retired, at that time.
    error ConsortiumGovernorNoStanding(uint32 operatorId, uint256 timepoint);
    error ConsortiumGovernorNotActive(uint32 operatorId, IOperatorRegistry.OperatorStatus actual);
    error ConsortiumGovernorOwnEmergency(uint32 operatorId);
    error ConsortiumGovernorAlreadySupported(uint32 operatorId, uint32 supporter, uint40 until);
    /// @notice The latest emergency of this operator that it supported was rejected.
    error ConsortiumGovernorSupportPaused(uint32 operatorId, uint32 supporter, uint256 until);
    error ConsortiumGovernorVoteNotEnded(uint32 operatorId, uint256 proposalId, uint256 deadline);
    error ConsortiumGovernorPeriodOutOfRange(uint256 least, uint256 most, uint256 actual);
    error ConsortiumGovernorEmergencyTooShort(uint256 least, uint256 actual);
    /// @notice What passed a vote acts through the timelock of the deployment.
    error ConsortiumGovernorTimelockIsFixed(address timelock);

    /// @notice By the controller of an Active operator: says that another one must be suspended at once. The first to say so
    /// is remembered; the second suspends. Refused, in this order: a caller that controls no operator; an operator that is
    /// not Active; one that means itself; an operator on which the vote of its latest emergency has not ended; one whose
    /// support against that operator does not count now; support that stands already; what the registry refuses.
    /// @return proposalId The vote on confirming it, or 0 if this was the first support.
    function supportEmergency(uint32 operatorId) external returns (uint256 proposalId);

    function emergencyOf(uint32 operatorId) external view returns (Emergency memory);

    /// @notice Last second, past or not, at which this one's support against that operator does not count; 0 if there was
    /// none.
    function supportPausedUntil(uint32 operatorId, uint32 supporter) external view returns (uint256);

    /// @notice Votes of the voters, and for-votes of all members, those with a vote included.
    function proposalVotes(
        uint256 proposalId
    ) external view returns (uint256 againstVotes, uint256 forVotes, uint256 abstainVotes, uint256 memberForVotes);

    /// @notice How an operator stands in OpenZeppelin's interface.
    function voterOf(uint32 operatorId) external pure returns (address);

    /// @notice Who the operators are; fixed at deployment.
    function REGISTRY() external view returns (IOperatorRegistry);

    function EMERGENCY_SECONDS() external view returns (uint32);
}
