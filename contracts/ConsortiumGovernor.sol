// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GovernorTimelockControl} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {IERC6372} from "@openzeppelin/contracts/interfaces/IERC6372.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Time} from "@openzeppelin/contracts/utils/types/Time.sol";

import {ConsortiumTimelock} from "./ConsortiumTimelock.sol";
import {IConsortiumGovernor} from "./interfaces/IConsortiumGovernor.sol";
import {IOperatorRegistry} from "./interfaces/IOperatorRegistry.sol";

/// @title ConsortiumGovernor
/// @notice The manual is {IConsortiumGovernor}. The timelock is made by the constructor, so that nobody ever held a role in
/// it but this contract.
contract ConsortiumGovernor is IConsortiumGovernor, GovernorTimelockControl {
    enum Support {
        Against,
        For,
        Abstain
    }

    struct Tally {
        uint32 againstVotes;
        uint32 forVotes;
        uint32 abstainVotes;
        uint32 memberForVotes;
        mapping(uint32 operatorId => Ballot) ballots;
    }

    /// @dev What the vote of an operator counts for; neither if it abstained or has no vote but as a member.
    enum Ballot {
        None,
        Against,
        For,
        Neither
    }

    /// @param until Last second at which support does not count.
    /// @param length How long that was, in seconds.
    struct Pause {
        uint40 until;
        uint32 length;
    }

    uint32 public constant LEAST_VOTING_PERIOD_SECONDS = 1 minutes;
    uint32 public constant MOST_PERIOD_SECONDS = 30 days;

    /// @inheritdoc IConsortiumGovernor
    IOperatorRegistry public immutable REGISTRY;
    /// @inheritdoc IConsortiumGovernor
    uint32 public immutable EMERGENCY_SECONDS;
    uint32 private immutable VOTING_DELAY_SECONDS;
    uint32 private immutable VOTING_PERIOD_SECONDS;

    mapping(uint256 proposalId => Tally) private _tallies;
    mapping(uint32 operatorId => Emergency) private _emergencies;
    /// @dev Of those whose emergency was rejected, but for the latest: that follows from its vote.
    mapping(uint32 operatorId => mapping(uint32 supporter => Pause)) private _pauses;

    constructor(
        IOperatorRegistry registry,
        Settings memory settings
    )
        Governor("Tandem consortium")
        GovernorTimelockControl(new ConsortiumTimelock(settings.timelockSeconds, address(this)))
    {
        _checkPeriod(0, settings.votingDelaySeconds);
        _checkPeriod(LEAST_VOTING_PERIOD_SECONDS, settings.votingPeriodSeconds);
        _checkPeriod(0, settings.emergencySeconds);
        uint256 vote = uint256(settings.votingDelaySeconds) + settings.votingPeriodSeconds + settings.timelockSeconds;
        if (settings.emergencySeconds < vote) {
            revert ConsortiumGovernorEmergencyTooShort(vote, settings.emergencySeconds);
        }
        REGISTRY = registry;
        EMERGENCY_SECONDS = settings.emergencySeconds;
        VOTING_DELAY_SECONDS = settings.votingDelaySeconds;
        VOTING_PERIOD_SECONDS = settings.votingPeriodSeconds;
    }

    // ------------------------------------------------------------------ emergency

    /// @inheritdoc IConsortiumGovernor
    function supportEmergency(uint32 operatorId) external returns (uint256 proposalId) {
        uint32 supporter = _operatorOf(msg.sender);
        IOperatorRegistry.OperatorStatus status = _statusOf(supporter);
        if (status != IOperatorRegistry.OperatorStatus.Active) revert ConsortiumGovernorNotActive(supporter, status);
        if (supporter == operatorId) revert ConsortiumGovernorOwnEmergency(operatorId);
        Emergency storage emergency = _emergencies[operatorId];
        _requireVoteEnded(operatorId, emergency.proposalId);
        (uint256 pausedUntil, ) = _pauseOf(operatorId, supporter);
        if (block.timestamp <= pausedUntil) {
            revert ConsortiumGovernorSupportPaused(operatorId, supporter, pausedUntil);
        }
        bool standing = emergency.supporter != 0 && block.timestamp <= emergency.supportedUntil;
        if (standing && emergency.supporter == supporter) {
            revert ConsortiumGovernorAlreadySupported(operatorId, supporter, emergency.supportedUntil);
        }
        uint40 until = uint40(block.timestamp) + EMERGENCY_SECONDS;

        // Support of an operator that is Active no more does not count; the new one takes its place.
        if (!standing || _statusOf(emergency.supporter) != IOperatorRegistry.OperatorStatus.Active) {
            emergency.supporter = supporter;
            emergency.supportedUntil = until;

            emit EmergencySupported(operatorId, supporter, until);
            return 0;
        }

        uint32 first = emergency.supporter;
        _keepPause(operatorId, emergency.firstSupporter);
        _keepPause(operatorId, emergency.secondSupporter);
        emergency.supporter = 0;
        emergency.supportedUntil = 0;
        ++emergency.count;
        emergency.firstSupporter = first;
        emergency.secondSupporter = supporter;
        REGISTRY.suspendForEmergency(operatorId, until);
        proposalId = _proposeSuspension(operatorId, emergency.count);
        emergency.proposalId = proposalId;

        emit EmergencySuspension(operatorId, first, supporter, until, proposalId);
    }

    /// @dev Nobody can open this vote beforehand and so stop the emergency: the end of its description names this contract,
    /// which is how OpenZeppelin's Governor keeps a description for one proposer.
    function _proposeSuspension(uint32 operatorId, uint32 count) private returns (uint256) {
        address[] memory targets = new address[](1);
        bytes[] memory calldatas = new bytes[](1);
        targets[0] = address(REGISTRY);
        calldatas[0] = abi.encodeCall(IOperatorRegistry.suspend, (operatorId));
        string memory description = string.concat(
            "Confirm emergency suspension ",
            Strings.toString(count),
            " of operator ",
            Strings.toString(operatorId),
            "#proposer=",
            Strings.toHexString(address(this))
        );
        return _propose(targets, new uint256[](1), calldatas, description, address(this));
    }

    function _requireVoteEnded(uint32 operatorId, uint256 proposalId) private view {
        if (proposalId == 0) return;
        uint256 deadline = proposalDeadline(proposalId);
        if (clock() <= deadline) revert ConsortiumGovernorVoteNotEnded(operatorId, proposalId, deadline);
    }

    function _keepPause(uint32 operatorId, uint32 supporter) private {
        (uint256 until, uint256 length) = _pauseOf(operatorId, supporter);
        _pauses[operatorId][supporter] = Pause(uint40(until), uint32(length));
    }

    /// @dev What is kept, unless this is one of the two whose emergency was rejected since: then it began when that vote ended.
    function _pauseOf(uint32 operatorId, uint32 supporter) private view returns (uint256 until, uint256 length) {
        Pause storage kept = _pauses[operatorId][supporter];
        Emergency storage latest = _emergencies[operatorId];
        (until, length) = (kept.until, kept.length);
        if (supporter == latest.firstSupporter || supporter == latest.secondSupporter) {
            uint256 deadline = _rejectedAt(operatorId, latest.proposalId);
            if (deadline != 0) {
                length = length == 0 ? votingDelay() + votingPeriod() : 2 * length;
                if (length > MOST_PERIOD_SECONDS) length = MOST_PERIOD_SECONDS;
                until = deadline + length;
            }
        }
    }

    /// @dev The end of a vote with more against it than for it, the suspended operator's own vote aside; 0 of any other. Of
    /// voters who are silent nobody knows what they think; and what passed by the members that are suspended was not rejected,
    /// whatever the voters said.
    function _rejectedAt(uint32 operatorId, uint256 proposalId) private view returns (uint256 deadline) {
        deadline = proposalDeadline(proposalId);
        Tally storage tally = _tallies[proposalId];
        (uint256 against, uint256 inFavour) = (tally.againstVotes, tally.forVotes);
        Ballot own = tally.ballots[operatorId];
        if (own == Ballot.Against) --against;
        if (own == Ballot.For) --inFavour;
        if (block.timestamp <= deadline || against <= inFavour || _quorumReached(proposalId)) return 0;
    }

    // ------------------------------------------------------------------ proposals and votes, by operator

    /// @notice By the controller of an operator that is not retired.
    function propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description
    ) public override returns (uint256) {
        uint32 operatorId = _operatorOf(msg.sender);
        IOperatorRegistry.OperatorStatus status = _statusOf(operatorId);
        if (status == IOperatorRegistry.OperatorStatus.Retired) revert ConsortiumGovernorNotActive(operatorId, status);
        if (!_isValidDescriptionForProposer(msg.sender, description)) revert GovernorRestrictedProposer(msg.sender);

        return _propose(targets, values, calldatas, description, voterOf(operatorId));
    }

    /// @dev Every way to vote comes through here; `account` is the controller that sent or signed it.
    function _castVote(
        uint256 proposalId,
        address account,
        uint8 support,
        string memory reason,
        bytes memory params
    ) internal override returns (uint256) {
        return super._castVote(proposalId, voterOf(_operatorOf(account)), support, reason, params);
    }

    function _countVote(
        uint256 proposalId,
        address voter,
        uint8 support,
        uint256 weight,
        bytes memory
    ) internal override returns (uint256) {
        uint32 operatorId = _operatorAt(voter);
        uint48 snapshot = uint48(proposalSnapshot(proposalId));
        if (REGISTRY.standingAt(operatorId, snapshot) == IOperatorRegistry.Standing.None) {
            revert ConsortiumGovernorNoStanding(operatorId, snapshot);
        }
        Tally storage tally = _tallies[proposalId];
        if (tally.ballots[operatorId] != Ballot.None) revert GovernorAlreadyCastVote(voter);
        if (support > uint8(type(Support).max)) revert GovernorInvalidVoteType();

        tally.ballots[operatorId] = weight == 0 ? Ballot.Neither : Ballot(support + 1);
        if (support == uint8(Support.Against)) tally.againstVotes += uint32(weight);
        if (support == uint8(Support.Abstain)) tally.abstainVotes += uint32(weight);
        if (support == uint8(Support.For)) {
            tally.forVotes += uint32(weight);
            ++tally.memberForVotes;
        }
        return weight;
    }

    /// @dev A proposer can withdraw while nobody can vote yet, by its controller of that time.
    function _validateCancel(uint256 proposalId, address caller) internal view override returns (bool) {
        uint32 operatorId = REGISTRY.operatorByController(caller);
        return
            operatorId != 0 &&
            state(proposalId) == ProposalState.Pending &&
            voterOf(operatorId) == proposalProposer(proposalId);
    }

    function _getVotes(address account, uint256 timepoint, bytes memory) internal view override returns (uint256) {
        IOperatorRegistry.Standing standing = REGISTRY.standingAt(_operatorAt(account), SafeCast.toUint48(timepoint));
        return standing == IOperatorRegistry.Standing.Voter ? 1 : 0;
    }

    function _quorumReached(uint256 proposalId) internal view override returns (bool) {
        Tally storage tally = _tallies[proposalId];
        uint256 snapshot = proposalSnapshot(proposalId);
        return
            tally.forVotes >= quorum(snapshot) ||
            uint256(tally.memberForVotes) * 2 > REGISTRY.membersAt(uint48(snapshot));
    }

    /// @dev With more than half for it, there can be no more against it.
    function _voteSucceeded(uint256 proposalId) internal view override returns (bool) {
        return _quorumReached(proposalId);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IConsortiumGovernor
    function emergencyOf(uint32 operatorId) external view returns (Emergency memory) {
        return _emergencies[operatorId];
    }

    /// @inheritdoc IConsortiumGovernor
    function supportPausedUntil(uint32 operatorId, uint32 supporter) external view returns (uint256 until) {
        (until, ) = _pauseOf(operatorId, supporter);
    }

    /// @inheritdoc IConsortiumGovernor
    function proposalVotes(
        uint256 proposalId
    ) external view returns (uint256 againstVotes, uint256 forVotes, uint256 abstainVotes, uint256 memberForVotes) {
        Tally storage tally = _tallies[proposalId];
        return (tally.againstVotes, tally.forVotes, tally.abstainVotes, tally.memberForVotes);
    }

    /// @inheritdoc IGovernor
    function hasVoted(uint256 proposalId, address account) external view returns (bool) {
        return _tallies[proposalId].ballots[_operatorAt(account)] != Ballot.None;
    }

    /// @notice Votes for a proposal that let it pass: more than half of the voters of that second.
    function quorum(uint256 timepoint) public view override returns (uint256) {
        return REGISTRY.votersAt(SafeCast.toUint48(timepoint)) / 2 + 1;
    }

    /// @inheritdoc IGovernor
    function votingDelay() public view override returns (uint256) {
        return VOTING_DELAY_SECONDS;
    }

    /// @inheritdoc IGovernor
    function votingPeriod() public view override returns (uint256) {
        return VOTING_PERIOD_SECONDS;
    }

    /// @inheritdoc IERC6372
    function clock() public view override returns (uint48) {
        return Time.timestamp();
    }

    /// @inheritdoc IERC6372
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    /// @inheritdoc IGovernor
    function COUNTING_MODE() external pure returns (string memory) {
        return "support=bravo&quorum=for";
    }

    /// @inheritdoc IConsortiumGovernor
    function voterOf(uint32 operatorId) public pure returns (address) {
        return address(uint160(operatorId));
    }

    /// @notice Refused always: a timelock that does not answer would take the consortium's decisions with it.
    function updateTimelock(TimelockController) public view override {
        revert ConsortiumGovernorTimelockIsFixed(timelock());
    }

    // ------------------------------------------------------------------ guards

    function _statusOf(uint32 operatorId) private view returns (IOperatorRegistry.OperatorStatus) {
        return REGISTRY.statusOf(operatorId);
    }

    function _operatorOf(address controller) private view returns (uint32 operatorId) {
        operatorId = REGISTRY.operatorByController(controller);
        if (operatorId == 0) revert ConsortiumGovernorNotController(controller);
    }

    /// @dev An operator as it stands in OpenZeppelin's interface, or by its controller. No controller's address is that
    /// small: nobody has the key of one.
    function _operatorAt(address account) private view returns (uint32) {
        if (uint160(account) <= type(uint32).max) return uint32(uint160(account));
        return REGISTRY.operatorByController(account);
    }

    function _checkPeriod(uint32 least, uint32 actual) private pure {
        if (actual < least || actual > MOST_PERIOD_SECONDS) {
            revert ConsortiumGovernorPeriodOutOfRange(least, MOST_PERIOD_SECONDS, actual);
        }
    }
}
