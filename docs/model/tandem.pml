/*
 * The rules of docs/protocol.md §3 as a model that SPIN checks: `npm run model`. README.md in this folder says what is
 * modelled, within which bounds, and what came out. One lane: an initiator I, an acceptor A, a contract, and whoever can
 * disturb them. One process; each option of its loop is one step that cannot be divided: one synced write, one message
 * taken, one transaction included, one fault.
 *
 * First anything may happen (`healed == 0`): steps in any order or never, faults at any point. Then the faults stop: what can
 * be done is done, a new pair (the probe) is ordered when all is quiet, and block time moves on when nothing else can. The
 * end is reached when there is nothing left to do.
 *
 * A rule is taken out by a macro, NO_RULE_…. What a world has is switched on by BATCHES, REORG, DROP, LIAR_I, LIAR_A, RESTORE_I,
 * RESTORE_A, STOLEN, PROMPT.
 */
#ifndef BATCHES
#define BATCHES 1
#endif
#define N (BATCHES + 1)
#define PROBE BATCHES

/* ---- what a world has ---- */

#ifdef LIAR_I
#define HONEST_I 0
#else
#define HONEST_I 1
#endif
#ifdef LIAR_A
#define HONEST_A 0
#else
#define HONEST_A 1
#endif
#if defined(RESTORE_I) || defined(RESTORE_A)
#define RESTORE
#endif

/*
 * Block times. Batch b can be decided until D(b); faults last until at most `noon`; the probe, which there is where both sides are
 * honest, has time enough after it.
 */
#define lastTime (BATCHES + 4)
#if defined(LIAR_I) || defined(LIAR_A)
#define noon (BATCHES + 2)
#define D(b) ((b) + 1)
#else
#define noon (BATCHES + 1)
#define D(b) ((b) == PROBE -> lastTime - 1 : (b) + 1)
#endif

/* The pair that stands in batch b. A lying initiator has two batches for pair 0; so has one without rule 8. */
#if defined(LIAR_I) || defined(NO_RULE_8_PAIR)
#define PAIR(b) ((b) == PROBE - PAIR_TWICE_BACK -> 0 : (b))
#else
#define PAIR(b) (b)
#endif
#ifdef LIAR_I
#define PAIR_TWICE_BACK 0
#else
#define PAIR_TWICE_BACK 1
#endif

/* Pairs of even number cost the second user nothing and are held before the acceptor signs; odd ones take its money. */
#ifdef SECOND_PAYS
#define credit(p) 0
#else
#define credit(p) ((p) % 2 == 0)
#endif

/* The probe, where both sides are honest: nobody refuses it, says no to it or lets it lapse. */
#define spared(p) (p == PROBE && HONEST_I && HONEST_A)

/*
 * These never change. They name, in SPIN's report, the property that an assertion stands for; one that starts as 1 is not
 * looked for (-DSKIP_LANE=1).
 */
#ifndef SKIP_ATOMIC
#define SKIP_ATOMIC 0
#endif
#ifndef SKIP_HOLD
#define SKIP_HOLD 0
#endif
#ifndef SKIP_ONCE
#define SKIP_ONCE 0
#endif
#ifndef SKIP_FINAL
#define SKIP_FINAL 0
#endif
#ifndef SKIP_LANE
#define SKIP_LANE 0
#endif
#ifndef SKIP_KEPT
#define SKIP_KEPT 0
#endif
#ifndef SKIP_TOLD
#define SKIP_TOLD 0
#endif
bit skip_atomic = SKIP_ATOMIC;
bit skip_hold = SKIP_HOLD;
bit skip_once = SKIP_ONCE;
bit skip_final = SKIP_FINAL;
bit skip_lane = SKIP_LANE;
bit skip_kept = SKIP_KEPT;
bit skip_told = SKIP_TOLD;

/* ---- the chain: the newest block (L) and the newest final one (F) ---- */

byte L_time, F_time;
byte L_next = 1, F_next = 1;
bit L_prepared[N], F_prepared[N];
bit L_commit[N], F_commit[N];
bit L_abort[N], F_abort[N];
bit unfinal;

/* Keys of the restored side: 1 the old ones, 2 the new ones. All other signatures count always. */
byte L_keys = 1, F_keys = 1;

/* Transactions that somebody has broadcast, as a set of keys (1, 2, or both). They can be included at any time from then on. */
byte poolPrepare[N], poolCommit[N], poolAbort[N];

/* ---- the channel: what was ever sent; it arrives once, often, late or (before the faults stop) never ---- */

bit sentProposal[N], sentHeld[N], sentRefused[N], sentWithdrawal[N];
bit sentOffer[N], sentBatchRefused[N];
byte sentAcceptorSignature[N], sentInitiatorSignature[N];
bit sentAgain[N];

/* What a batch is; the number is set when it is made. */
byte sequence[N];

/* ---- the initiator's store ---- */

#define NONE 0
#define HELD 1
#define AGREED 2
#define IN_BATCH 3
#define OVER 4

#define OFFERED 1
#define COUNTERSIGNED 2
#define REFUSED 3
#define SHOWN 4

#define EXECUTED 1
#define RELEASED 2

typedef InitiatorPair { byte state; bit hold; byte outcome };
typedef InitiatorBatch { byte state; byte signature; byte others };
typedef Initiator {
  InitiatorPair pair[N];
  InitiatorBatch batch[N];
  byte next;
  byte waits
};
Initiator I;

/* ---- the acceptor's store ---- */

#define SIGNED 1
#define GIVEN_UP 2

#define ACCEPTED 1
#define DECLINED 2

typedef AcceptorPair { byte state; bit hold; byte decision; byte outcome; byte batch };
typedef AcceptorBatch { byte state; byte signature; bit others };
typedef Acceptor {
  AcceptorPair pair[N];
  AcceptorBatch batch[N];
  byte next;
  byte waits
};
Acceptor A;

/* ---- outside of every store ---- */

bit healed, done;
byte i;
bit stolen[N];
bit toldAborted[N];
byte executions[N];
bit receipt[N];

#ifdef RESTORE
bit snapshotTaken, restored;
/* The restored side signs, releases, gives up, tells and takes nothing. */
bit recovering;
#define working (recovering == 0)
#endif
#ifdef RESTORE_I
Initiator snapshot;
#define I_works working
#else
#define I_works 1
#endif
#ifdef RESTORE_A
Acceptor snapshot;
#define A_works working
#else
#define A_works 1
#endif

#define faulty (healed == 0)

/* ---- what the rules say; each macro takes one of them out ---- */

/* Rule 1: the initiator holds before it signs … */
#ifdef NO_RULE_1_HOLD
#define holdsAtOrder 0
#else
#define holdsAtOrder 1
#endif
/* … and from its own signature on only the chain ends its hold. */
#ifdef NO_RULE_1
#define releasesSigned(b) (I.batch[b].state == COUNTERSIGNED && !spared(b))
#else
#define releasesSigned(b) 0
#endif
/* The batch leaves unsigned. */
#ifdef NO_RULE_1_UNSIGNED
#define signatureWithOffer 1
#else
#define signatureWithOffer 0
#endif
/* The acceptor holds before it decides. */
#ifdef NO_RULE_1_ACCEPTOR
#define holdsAtYes 0
#else
#define holdsAtYes 1
#endif
/* It declines only what it has not decided to commit. */
#ifdef NO_RULE_1_DECLINE
#define mayDecline(p) (A.pair[p].decision != DECLINED)
#else
#define mayDecline(p) (A.pair[p].decision == NONE)
#endif

/* Rule 2: a commit bit in a final block, and nothing else. */
#ifdef NO_RULE_2
#define committedSays(b) L_commit[b]
#else
#define committedSays(b) F_commit[b]
#endif
#ifdef NO_RULE_2_RECEIPT
#define acceptorsReceipt(b) receipt[b]
#else
#define acceptorsReceipt(b) 0
#endif
/* The contract: bits until the deadline, by the acceptor. */
#ifdef NO_RULE_2_DEADLINE
#define inTime(b) 1
#else
#define inTime(b) (L_time <= D(b))
#endif
#ifdef NO_RULE_2_ACCEPTOR
#define othersDecide 1
#else
#define othersDecide 0
#endif

/* Rule 3: an abort bit, or absence read from the state at one final block past the deadline. */
#ifdef NO_RULE_3_CLOCK
#define expired(b) (F_commit[b] == 0)
#else
#ifdef NO_RULE_3_LATEST
#define expired(b) (L_time > D(b) && L_commit[b] == 0 && F_commit[b] == 0)
#else
#ifdef NO_RULE_3_LOGS
#define expired(b) (F_time > D(b))
#else
#define expired(b) (F_time > D(b) && F_commit[b] == 0)
#endif
#endif
#endif
#define abortedSays(b) (F_abort[b] || expired(b))

/* Rule 4: executed as the chain says, also without a hold. */
#ifdef NO_RULE_4
#define executesAnyway(p) (A.pair[p].decision != DECLINED)
#else
#define executesAnyway(p) 1
#endif

/* Rule 5: the decision is stored before it leaves. */
#ifdef NO_RULE_5
#define leavesUnstored 1
#else
#define leavesUnstored 0
#endif

/* Rule 6: no yes is taken near the deadline. */
#ifdef NO_RULE_6
#define early(b) 1
#else
#define early(b) (L_time < D(b))
#endif

/* Rule 8. A pair in one batch: at the initiator … */
#ifdef NO_RULE_8_PAIR
#define mayBatch(b) (I.pair[PAIR(b)].state == AGREED || (I.pair[PAIR(b)].state == IN_BATCH && PAIR(b) != b))
#else
#define mayBatch(b) (I.pair[PAIR(b)].state == AGREED)
#endif
/* … and, whatever it is offered, at the acceptor. */
#ifdef NO_RULE_8_PAIR_CHECK
#define inOneBatch(p) (A.pair[p].state != NONE)
#else
#define inOneBatch(p) (A.pair[p].state != NONE && A.pair[p].batch == 0)
#endif
/* n+1 is signed only when n is countersigned. */
#ifdef NO_RULE_8_LANE
#define acceptorsLaneFree 1
#define initiatorsLaneFree 1
#else
#define acceptorsLaneFree (A.waits == 0)
#define initiatorsLaneFree (I.waits == 0 && nothingShown)
#endif
#ifdef RESTORE_I
#if BATCHES == 0
#define nothingShown (I.batch[0].state != SHOWN)
#elif BATCHES == 1
#define nothingShown (I.batch[0].state != SHOWN && I.batch[1].state != SHOWN)
#else
#define nothingShown (I.batch[0].state != SHOWN && I.batch[1].state != SHOWN && I.batch[2].state != SHOWN)
#endif
#else
#define nothingShown 1
#endif
/* Nothing is given up once its batch has left. */
#ifdef NO_RULE_8_GIVE_UP
#define mayGiveUp(p) (I.pair[p].state == HELD || I.pair[p].state == AGREED || (I.pair[p].state == IN_BATCH && I.batch[p].state == OFFERED))
#else
#define mayGiveUp(p) (I.pair[p].state == HELD || I.pair[p].state == AGREED)
#endif
/* A dead batch is countersigned all the same … */
#ifdef NO_RULE_8_DEAD
#define mayCountersign(b) (F_time <= D(b))
#else
#define mayCountersign(b) 1
#endif
/* … and anchored. */
#ifdef NO_RULE_8_ANCHOR
#define mayAnchor(b) (L_time <= D(b))
#else
#define mayAnchor(b) 1
#endif
/* One content for a number, offered until it is answered. */
#ifdef NO_RULE_8_CONTENT
#define mayDrop(b) (!spared(b))
#else
#define mayDrop(b) 0
#endif
/* Whoever carries n carries those before it too. */
#ifdef NO_RULE_8_CARRY
#define carries(b) (A.pair[PAIR(b)].decision == ACCEPTED)
#else
#define carries(b) 1
#endif

/* Rule 9: a pairId is used once. */
#ifdef NO_RULE_9
#define mayProposeAgain(p) (A.pair[p].state == OVER)
#else
#define mayProposeAgain(p) 0
#endif

/* Rule 11: new keys, final; then the chain. */
#ifdef NO_RULE_11
#define NO_RULE_11_ROTATE
#define NO_RULE_11_CHAIN
#endif
#ifdef NO_RULE_11_ROTATE
#define rotates 0
#define keysSettled 1
#else
#define rotates 1
#ifdef NO_RULE_11_FINAL
#define keysSettled (L_keys == 2)
#else
#define keysSettled (F_keys == 2)
#endif
#endif
#ifdef NO_RULE_11_CHAIN
#define readsChain 0
#else
#define readsChain 1
#endif
/* What the restored store has in no batch is given up: its user may have been told so before. */
#ifdef NO_RULE_11_GIVE_UP
#define givesUpUnbatched 0
#else
#define givesUpUnbatched 1
#endif
/*
 * A batch that it has not signed, or has forgotten, is countersigned only when it is dead, for the same reason. Offering it
 * again alive is safe where the acceptor is honest.
 */
#ifdef NO_RULE_11_DEAD
#define livesOn 1
#else
#define livesOn 0
#endif

/* ---- properties ---- */

#if defined(LIAR_I)
#define committedAnywhere(p) (F_commit[p] || (p == 0 && F_commit[PROBE]))
#else
#if defined(NO_RULE_8_PAIR)
#define committedAnywhere(p) (F_commit[p] || (p == 0 && F_commit[1]))
#else
#define committedAnywhere(p) F_commit[p]
#endif
#endif

inline finalCommit(b) {
  /* What the chain commits nobody has released. */
  assert(skip_atomic || HONEST_I == 0 || I.pair[PAIR(b)].outcome != RELEASED);
  assert(skip_atomic || HONEST_A == 0 || stolen[b] || (A.pair[PAIR(b)].decision != DECLINED && A.pair[PAIR(b)].outcome != RELEASED))
}

inline initiatorExecutes(p) {
  assert(skip_hold || I.pair[p].hold);
  assert(skip_told || toldAborted[p] == 0);
  assert(skip_atomic || HONEST_A == 0 || A.pair[p].outcome != RELEASED);
  I.pair[p].hold = 0;
  I.pair[p].outcome = EXECUTED;
  I.pair[p].state = OVER
}

inline initiatorReleases(p) {
  assert(skip_atomic || HONEST_A == 0 || A.pair[p].outcome != EXECUTED);
  I.pair[p].hold = 0;
  I.pair[p].outcome = RELEASED;
  I.pair[p].state = OVER;
  toldAborted[p] = 1
}

inline acceptorExecutes(b) {
  assert(skip_hold || A.pair[PAIR(b)].hold || stolen[b]);
  assert(skip_once || executions[PAIR(b)] == 0);
  assert(skip_atomic || HONEST_I == 0 || I.pair[PAIR(b)].outcome != RELEASED);
  executions[PAIR(b)] = 1;
  A.pair[PAIR(b)].hold = 0;
  A.pair[PAIR(b)].outcome = EXECUTED;
  A.pair[PAIR(b)].state = OVER
}

inline acceptorReleases(p) {
  assert(skip_atomic || HONEST_I == 0 || I.pair[p].outcome != EXECUTED);
#ifdef PROMPT
  /* Where only the peer is slow, a yes that was taken is kept. */
  assert(skip_kept || A.pair[p].decision != ACCEPTED);
#endif
  A.pair[p].hold = 0;
  A.pair[p].outcome = RELEASED;
  A.pair[p].state = OVER
}

inline atTheEnd() {
  i = 0;
  do
  :: i < N ->
    /* No hold is left, and no pair without an outcome. */
    assert(skip_final || HONEST_I == 0 || (I.pair[i].hold == 0 && (I.pair[i].state == NONE || I.pair[i].state == OVER)));
    assert(skip_final || HONEST_A == 0 || (A.pair[i].hold == 0 && A.pair[i].state != HELD && A.pair[i].state != IN_BATCH));
    if
    :: PAIR(i) == i && sequence[i] != 0 ->
      /* The outcome is the chain's. */
      assert(skip_atomic || HONEST_I == 0 || (I.pair[i].outcome == EXECUTED) == committedAnywhere(i));
      assert(skip_atomic || HONEST_A == 0 || (A.pair[i].outcome == EXECUTED) == committedAnywhere(i))
    :: else
    fi;
    i++
  :: else -> break
  od;
  i = 0;
#if !defined(LIAR_I) && !defined(LIAR_A)
  /* The lane lives on. */
  assert(skip_lane || (I.pair[PROBE].outcome == EXECUTED && A.pair[PROBE].outcome == EXECUTED))
#endif
}
inline moveToFinal() {
  i = 0;
  do
  :: i < N ->
    if
    :: L_commit[i] && F_commit[i] == 0 -> finalCommit(i)
    :: else
    fi;
    F_prepared[i] = L_prepared[i];
    F_commit[i] = L_commit[i];
    F_abort[i] = L_abort[i];
    i++
  :: else -> break
  od;
  i = 0;
  F_time = L_time;
  F_next = L_next;
  F_keys = L_keys;
  unfinal = 0
}

inline reorganise() {
  i = 0;
  do
  :: i < N ->
    L_prepared[i] = F_prepared[i];
    L_commit[i] = F_commit[i];
    L_abort[i] = F_abort[i];
    i++
  :: else -> break
  od;
  i = 0;
  L_time = F_time;
  L_next = F_next;
  L_keys = F_keys;
  unfinal = 0
}

/* Keys that a carried batch counts under. */
#ifdef RESTORE_A
#define initiatorsCarryKeys(b) I.batch[b].others
#define acceptorsCarryKeys(b) A.batch[b].signature
#define acceptorsKeys F_keys
#define initiatorsKeys 1
#else
#define initiatorsCarryKeys(b) I.batch[b].signature
#ifdef RESTORE_I
#define acceptorsCarryKeys(b) sentInitiatorSignature[b]
#else
#define acceptorsCarryKeys(b) 1
#endif
#define acceptorsKeys 1
#ifdef RESTORE_I
#define initiatorsKeys F_keys
#else
#define initiatorsKeys 1
#endif
#endif
/* Keys that a transaction of the acceptor's account must have. */
#ifdef RESTORE_A
#define accountKeys L_keys
#else
#define accountKeys 1
#endif
#ifdef RESTORE
#define batchKeys L_keys
#else
#define batchKeys 1
#endif

#define canCarryAsInitiator(b) (I.batch[b].state == COUNTERSIGNED && F_prepared[b] == 0 && (initiatorsCarryKeys(b) & ~poolPrepare[b]))
#define canCarryAsAcceptor(b) (A.batch[b].state == COUNTERSIGNED && A.batch[b].others && F_prepared[b] == 0 && carries(b) && (acceptorsCarryKeys(b) & ~poolPrepare[b]))
#define canSendCommit(b) (A.pair[PAIR(b)].state == IN_BATCH && A.pair[PAIR(b)].batch == b + 1 && A.pair[PAIR(b)].decision == ACCEPTED && F_commit[b] == 0 && F_time <= D(b) && (acceptorsKeys & ~poolCommit[b]))
#define canSendAbort(b) (A.pair[PAIR(b)].state == IN_BATCH && A.pair[PAIR(b)].batch == b + 1 && A.pair[PAIR(b)].decision == DECLINED && F_abort[b] == 0 && F_time <= D(b) && (acceptorsKeys & ~poolAbort[b]))
#define canPrepare(b) ((poolPrepare[b] & batchKeys) && L_prepared[b] == 0 && sequence[b] == L_next && mayAnchor(b))
#define canDecide(b, pool) ((pool[b] & accountKeys) && L_prepared[b] && L_commit[b] == 0 && L_abort[b] == 0 && inTime(b))

/* ---- the steps of a pair and of its batch ---- */

/* Orders come in turn, which loses nothing: the pairs are alike. */
#define INITIATOR_PAIR(p)                                                                                               \
  :: d_step { I_works && faulty && p != PROBE && I.pair[p].state == NONE && sentProposal[p] == 0 && (p == 0 || sentProposal[p - (p > 0 -> 1 : 0)]) -> \
     printf("I: holds pair %d, proposes it\n", p);                                                                      \
     I.pair[p].state = HELD; I.pair[p].hold = holdsAtOrder; sentProposal[p] = 1 }                                       \
  :: d_step { I_works && I.pair[p].state == HELD && sentHeld[p] ->                                                      \
     printf("I: pair %d is agreed\n", p);                                                                               \
     I.pair[p].state = AGREED }                                                                                         \
  :: d_step { I_works && I.pair[p].state == HELD && sentRefused[p] ->                                                   \
     printf("I: pair %d is refused, releases\n", p);                                                                    \
     initiatorReleases(p) }                                                                                             \
  :: d_step { I_works && mayGiveUp(p) && !spared(p) ->                                                                  \
     printf("I: gives pair %d up, releases\n", p);                                                                      \
     initiatorReleases(p); sentWithdrawal[p] = 1 }

#define INITIATOR_BATCH(b)                                                                                              \
  :: d_step { I_works && I.batch[b].state == NONE && mayBatch(b) && initiatorsLaneFree && sequence[b] == 0 ->           \
     printf("I: batch %d for pair %d has number %d, offered\n", b, PAIR(b), I.next);                                    \
     I.batch[b].state = OFFERED; I.pair[PAIR(b)].state = IN_BATCH; sequence[b] = I.next; I.waits = b + 1;               \
     laneOn(b); sentOffer[b] = 1;                                                                                       \
     sentInitiatorSignature[b] = (signatureWithOffer -> 1 : 0) }                                                        \
  :: d_step { I_works && I.batch[b].state == OFFERED && sentAcceptorSignature[b] && mayCountersign(b) ->                \
     printf("I: signs batch %d, hands its signature over\n", b);                                                        \
     I.batch[b].state = COUNTERSIGNED; I.batch[b].signature = initiatorsKeys;                                           \
     I.batch[b].others = sentAcceptorSignature[b];                                                                      \
     sentInitiatorSignature[b] = sentInitiatorSignature[b] | initiatorsKeys;                                            \
     I.next = (I.next > sequence[b] -> I.next : sequence[b] + 1); I.waits = (I.waits == b + 1 -> 0 : I.waits) }         \
  :: d_step { I_works && I.batch[b].state == OFFERED && mayCountersign(b) == 0 ->                                       \
     printf("I: batch %d is dead, drops it\n", b);                                                                      \
     I.batch[b].state = REFUSED; I.waits = 0;                                                                           \
     if :: I.pair[PAIR(b)].state == IN_BATCH -> initiatorReleases(PAIR(b)) :: else fi }                                 \
  :: d_step { I_works && I.batch[b].state == OFFERED && mayDrop(b) ->                                                   \
     printf("I: batch %d is not answered, gives it and its number up\n", b);                                            \
     I.batch[b].state = REFUSED; I.waits = 0;                                                                           \
     if :: I.pair[PAIR(b)].state == IN_BATCH -> initiatorReleases(PAIR(b)) :: else fi }                                 \
  :: d_step { I_works && (I.batch[b].state == OFFERED || I.batch[b].state == SHOWN) && sentBatchRefused[b] ->                                          \
     printf("I: batch %d is refused, gives its pair up\n", b);                                                          \
     I.batch[b].state = REFUSED; I.waits = 0;                                                                           \
     if :: I.pair[PAIR(b)].state == IN_BATCH -> initiatorReleases(PAIR(b)); sentWithdrawal[PAIR(b)] = 1 :: else fi }    \
  :: d_step { I_works && canCarryAsInitiator(b) ->                                                                      \
     printf("I: carries batch %d\n", b);                                                                                \
     poolPrepare[b] = poolPrepare[b] | initiatorsCarryKeys(b) }                                                         \
  :: d_step { I_works && I.pair[PAIR(b)].state == IN_BATCH && I.batch[b].state != NONE && committedSays(b) ->           \
     printf("I: executes pair %d\n", PAIR(b));                                                                          \
     initiatorExecutes(PAIR(b)) }                                                                                       \
  :: d_step { I_works && I.pair[PAIR(b)].state == IN_BATCH && I.batch[b].state != NONE && abortedSays(b) ->             \
     printf("I: releases pair %d\n", PAIR(b));                                                                          \
     initiatorReleases(PAIR(b)) }                                                                                       \
  :: d_step { I_works && I.pair[PAIR(b)].state == IN_BATCH && releasesSigned(b) ->                                      \
     printf("I: has waited long enough, releases pair %d\n", PAIR(b));                                                  \
     initiatorReleases(PAIR(b)) }                                                                                       \
  /* Key of the acceptor rotated: what the old one signed is asked for again (rule 8). */                               \
  :: d_step { I_works && I.batch[b].state == COUNTERSIGNED && F_prepared[b] == 0 && acceptorsKeys == 2 && (I.batch[b].others & 2) == 0 && sentAgain[b] == 0 -> \
     printf("I: asks for a new signature of batch %d\n", b);                                                            \
     sentAgain[b] = 1 }                                                                                                 \
  :: d_step { I_works && I.batch[b].state == COUNTERSIGNED && (sentAcceptorSignature[b] & ~I.batch[b].others) ->        \
     printf("I: stores the new signature of batch %d\n", b);                                                            \
     I.batch[b].others = I.batch[b].others | sentAcceptorSignature[b] }

#ifdef NO_RULE_8_LANE
#define laneOn(b) I.next = I.next + 1
#else
#define laneOn(b) skip
#endif

#define ACCEPTOR_PAIR(p)                                                                                                \
  :: d_step { A_works && sentProposal[p] && A.pair[p].state == NONE ->                                                  \
     printf("A: holds or checks pair %d\n", p);                                                                         \
     A.pair[p].state = HELD; A.pair[p].hold = credit(p); sentHeld[p] = 1 }                                              \
  :: d_step { A_works && sentProposal[p] && A.pair[p].state == NONE && !spared(p) ->                                    \
     printf("A: refuses pair %d\n", p);                                                                                 \
     A.pair[p].state = OVER; A.pair[p].decision = DECLINED; sentRefused[p] = 1 }                                        \
  :: d_step { A_works && sentWithdrawal[p] && (A.pair[p].state == NONE || A.pair[p].state == HELD) ->                   \
     printf("A: pair %d is given up, releases\n", p);                                                                   \
     A.pair[p].state = OVER; A.pair[p].hold = 0; A.pair[p].decision = DECLINED; sentRefused[p] = 1 }                    \
  :: d_step { A_works && A.pair[p].state == HELD && !spared(p) ->                                                       \
     printf("A: no batch has come for pair %d, releases\n", p);                                                         \
     A.pair[p].state = OVER; A.pair[p].hold = 0; A.pair[p].decision = DECLINED }                                        \
  :: d_step { A_works && A.pair[p].state == IN_BATCH && mayDecline(p) && !spared(p) ->                                  \
     printf("A: declines pair %d, releases\n", p);                                                                      \
     A.pair[p].decision = DECLINED; A.pair[p].hold = 0 }                                                                \
  :: d_step { A_works && sentProposal[p] && mayProposeAgain(p) ->                                                       \
     printf("A: holds pair %d a second time\n", p);                                                                     \
     A.pair[p].state = HELD; A.pair[p].hold = credit(p); A.pair[p].decision = NONE; A.pair[p].outcome = NONE; A.pair[p].batch = 0 }

#define ACCEPTOR_BATCH(b)                                                                                               \
  :: d_step { A_works && sentOffer[b] && A.batch[b].state == NONE && sequence[b] == A.next && acceptorsLaneFree && inOneBatch(PAIR(b)) -> \
     printf("A: signs batch %d\n", b);                                                                                  \
     acceptorSigns(b) }                                                                                                 \
  :: d_step { A_works && sentOffer[b] && A.batch[b].state == NONE && (sequence[b] < A.next || (sequence[b] == A.next && inOneBatch(PAIR(b)) == 0)) && sentAgain[b] == 0 -> \
     printf("A: refuses batch %d\n", b);                                                                                \
     A.batch[b].state = REFUSED; sentBatchRefused[b] = 1 }                                                              \
  :: d_step { A_works && A.batch[b].state == SIGNED && sentInitiatorSignature[b] ->                                     \
     printf("A: stores the other signature of batch %d, asks\n", b);                                                    \
     A.batch[b].state = COUNTERSIGNED; A.batch[b].others = 1; A.waits = (A.waits == b + 1 -> 0 : A.waits) }             \
  :: d_step { A_works && A.batch[b].state == SIGNED && F_prepared[b] ->                                                 \
     printf("A: batch %d is on chain, asks\n", b);                                                                      \
     A.batch[b].state = COUNTERSIGNED; A.waits = (A.waits == b + 1 -> 0 : A.waits) }                                    \
  :: d_step { A_works && A.batch[b].state == COUNTERSIGNED && A.pair[PAIR(b)].batch == b + 1 && A.pair[PAIR(b)].state == IN_BATCH && A.pair[PAIR(b)].decision == NONE && early(b) -> \
     printf("A: takes a yes to pair %d\n", PAIR(b));                                                                    \
     A.pair[PAIR(b)].decision = ACCEPTED; A.pair[PAIR(b)].hold = (holdsAtYes -> 1 : A.pair[PAIR(b)].hold) }             \
  :: d_step { A_works && leavesUnstored && A.batch[b].state == COUNTERSIGNED && A.pair[PAIR(b)].batch == b + 1 && A.pair[PAIR(b)].state == IN_BATCH && A.pair[PAIR(b)].decision == NONE && poolCommit[b] == 0 -> \
     printf("A: sends the commit of pair %d, and is killed before it is stored\n", PAIR(b));                            \
     poolCommit[b] = 1 }                                                                                                \
  :: d_step { A_works && canSendCommit(b) ->                                                                            \
     printf("A: sends the commit of pair %d\n", PAIR(b));                                                               \
     poolCommit[b] = poolCommit[b] | acceptorsKeys }                                                                    \
  :: d_step { A_works && canSendAbort(b) ->                                                                             \
     printf("A: sends the abort of pair %d\n", PAIR(b));                                                                \
     poolAbort[b] = poolAbort[b] | acceptorsKeys }                                                                      \
  :: d_step { A_works && canCarryAsAcceptor(b) ->                                                                       \
     printf("A: carries batch %d\n", b);                                                                                \
     poolPrepare[b] = poolPrepare[b] | acceptorsCarryKeys(b) }                                                          \
  :: d_step { A_works && A.pair[PAIR(b)].state == IN_BATCH && A.pair[PAIR(b)].batch == b + 1 && (committedSays(b) || acceptorsReceipt(b)) && executesAnyway(PAIR(b)) -> \
     printf("A: executes pair %d\n", PAIR(b));                                                                          \
     acceptorExecutes(b) }                                                                                              \
  :: d_step { A_works && A.pair[PAIR(b)].state == IN_BATCH && A.pair[PAIR(b)].batch == b + 1 && abortedSays(b) ->       \
     printf("A: releases pair %d\n", PAIR(b));                                                                          \
     acceptorReleases(PAIR(b)) }

inline acceptorSigns(b) {
  A.batch[b].state = SIGNED;
  A.batch[b].signature = acceptorsKeys;
  A.next = sequence[b] + 1;
  A.waits = b + 1;
  A.pair[PAIR(b)].batch = b + 1;
  A.pair[PAIR(b)].state = IN_BATCH;
  sentAcceptorSignature[b] = sentAcceptorSignature[b] | acceptorsKeys
}

#define CHAIN_BATCH(b)                                                                                                  \
  :: d_step { canPrepare(b) ->                                                                                          \
     printf("chain: batch %d prepared at %d\n", b, L_time);                                                             \
     L_prepared[b] = 1; L_next++; unfinal = 1 }                                                                         \
  :: d_step { canDecide(b, poolCommit) ->                                                                               \
     printf("chain: pair %d committed at %d\n", PAIR(b), L_time);                                                       \
     L_commit[b] = 1; unfinal = 1 }                                                                                     \
  :: d_step { canDecide(b, poolAbort) ->                                                                                \
     printf("chain: pair %d aborted at %d\n", PAIR(b), L_time);                                                         \
     L_abort[b] = 1; unfinal = 1 }                                                                                      \
  :: d_step { (poolCommit[b] & accountKeys) && L_prepared[b] && L_time > D(b) && acceptorsReceipt(b) == 0 && receiptsMatter -> \
     printf("chain: the commit of pair %d came too late; its transaction succeeded\n", PAIR(b));                        \
     receipt[b] = 1 }                                                                                                   \
  /* A pool forgets what is not in a block. */                                                                          \
  :: d_step { faulty && poolFaults && poolPrepare[b] && L_prepared[b] == 0 ->                                           \
     printf("fault: the prepare of batch %d is dropped\n", b); poolPrepare[b] = 0 }                                     \
  :: d_step { faulty && poolFaults && poolCommit[b] && L_commit[b] == 0 ->                                              \
     printf("fault: the commit of pair %d is dropped\n", PAIR(b)); poolCommit[b] = 0 }
#ifdef NO_RULE_2_RECEIPT
#define receiptsMatter 1
#else
#define receiptsMatter 0
#endif
#ifdef DROP
#define poolFaults 1
#else
#define poolFaults 0
#endif

/* ---- lying sides, silent once the faults stop ---- */

#define LYING_INITIATOR_PAIR(p)                                                                                         \
  :: d_step { faulty && sentProposal[p] == 0 -> printf("liar: proposes pair %d\n", p); sentProposal[p] = 1 }            \
  :: d_step { faulty && sentWithdrawal[p] == 0 -> printf("liar: withdraws pair %d\n", p); sentWithdrawal[p] = 1 }
#define LYING_INITIATOR_BATCH(b)                                                                                        \
  :: d_step { faulty && sequence[b] == 0 -> printf("liar: offers batch %d for pair %d as number 1\n", b, PAIR(b)); sequence[b] = 1; sentOffer[b] = 1 } \
  :: d_step { faulty && sequence[b] == 0 -> printf("liar: offers batch %d for pair %d as number 2\n", b, PAIR(b)); sequence[b] = 2; sentOffer[b] = 1 } \
  :: d_step { faulty && sentOffer[b] && sentInitiatorSignature[b] == 0 -> printf("liar: signs batch %d\n", b); sentInitiatorSignature[b] = 1 } \
  :: d_step { faulty && (sentAcceptorSignature[b] & ~poolPrepare[b]) -> printf("liar: carries batch %d\n", b); poolPrepare[b] = poolPrepare[b] | sentAcceptorSignature[b] } \
  :: d_step { faulty && sentOffer[b] && sentAgain[b] == 0 && liarAsksAgain -> printf("liar: asks for a new signature of batch %d\n", b); sentAgain[b] = 1 } \
  :: d_step { faulty && othersDecide && poolCommit[b] == 0 -> printf("liar: sends the commit of pair %d\n", PAIR(b)); poolCommit[b] = 1 }
#ifdef RESTORE_A
#define liarAsksAgain 1
#else
#define liarAsksAgain 0
#endif

#define LYING_ACCEPTOR_PAIR(p)                                                                                          \
  :: d_step { faulty && sentProposal[p] && sentHeld[p] == 0 -> printf("liar: says that it holds pair %d\n", p); sentHeld[p] = 1 } \
  :: d_step { faulty && sentProposal[p] && sentRefused[p] == 0 -> printf("liar: refuses pair %d\n", p); sentRefused[p] = 1 }
#define LYING_ACCEPTOR_BATCH(b)                                                                                         \
  :: d_step { faulty && sentOffer[b] && sentAcceptorSignature[b] == 0 -> printf("liar: signs batch %d\n", b); sentAcceptorSignature[b] = 1 } \
  :: d_step { faulty && sentOffer[b] && sentBatchRefused[b] == 0 -> printf("liar: refuses batch %d\n", b); sentBatchRefused[b] = 1 } \
  :: d_step { faulty && sentOffer[b] && (sentInitiatorSignature[b] & ~poolPrepare[b]) -> printf("liar: carries batch %d\n", b); poolPrepare[b] = poolPrepare[b] | sentInitiatorSignature[b] } \
  :: d_step { faulty && sentOffer[b] && poolCommit[b] == 0 -> printf("liar: sends the commit of pair %d\n", b); poolCommit[b] = 1 } \
  :: d_step { faulty && sentOffer[b] && poolAbort[b] == 0 -> printf("liar: sends the abort of pair %d\n", b); poolAbort[b] = 1 }

/* A thief of the acceptor's account. */
#define THIEF(b)                                                                                                        \
  :: d_step { faulty && L_prepared[b] && poolCommit[b] == 0 -> printf("thief: sends the commit of pair %d\n", PAIR(b)); poolCommit[b] = 1; stolen[b] = 1 }

/* ---- an old snapshot comes back ---- */

#ifdef RESTORE_I
inline copyStore(to, from) {
  to.next = from.next;
  to.waits = from.waits;
  i = 0;
  do
  :: i < N ->
    to.pair[i].state = from.pair[i].state;
    to.pair[i].hold = from.pair[i].hold;
    to.pair[i].outcome = from.pair[i].outcome;
    to.batch[i].state = from.batch[i].state;
    to.batch[i].signature = from.batch[i].signature;
    to.batch[i].others = from.batch[i].others;
    i++
  :: else -> break
  od;
  i = 0
}

inline recover() {
  i = 0;
  do
  :: i < N ->
    if
    :: readsChain && F_prepared[i] && I.pair[PAIR(i)].state != OVER ->
      /* What the chain has: the record and the hold come back from the sealed copy. */
      I.batch[i].state = COUNTERSIGNED;
      I.pair[PAIR(i)].state = IN_BATCH;
      I.pair[PAIR(i)].hold = 1
    :: readsChain && F_prepared[i] && I.pair[PAIR(i)].state == OVER -> I.batch[i].state = COUNTERSIGNED
    :: (readsChain == 0 || F_prepared[i] == 0) && I.batch[i].state == COUNTERSIGNED ->
      /* Signed again: the same content under the new key. */
      I.batch[i].signature = initiatorsKeys;
      sentInitiatorSignature[i] = sentInitiatorSignature[i] | initiatorsKeys
    :: (readsChain == 0 || F_prepared[i] == 0) && I.batch[i].state == OFFERED && livesOn == 0 ->
      /* The lost store may have given its pair up. */
      I.batch[i].state = SHOWN
    :: F_prepared[i] == 0 && readsChain && livesOn && I.batch[i].state == NONE && sentAcceptorSignature[i] && I.pair[i].state != OVER ->
      /* The peer gives it back: held again and offered again. */
      I.batch[i].state = OFFERED;
      I.pair[i].state = IN_BATCH;
      I.pair[i].hold = 1;
      I.waits = (I.waits == 0 -> i + 1 : I.waits)
    :: (readsChain == 0 || F_prepared[i] == 0) && I.batch[i].state == NONE && (livesOn == 0 || readsChain == 0 || sentAcceptorSignature[i] == 0) && givesUpUnbatched && (I.pair[i].state == HELD || I.pair[i].state == AGREED) ->
      initiatorReleases(i);
      sentWithdrawal[i] = 1
    :: else
    fi;
    i++
  :: else -> break
  od;
  i = 0;
  I.next = (readsChain && F_next > I.next -> F_next : I.next);
  if
  :: I.waits != 0 && readsChain && F_prepared[I.waits - 1] -> I.waits = 0
  :: else
  fi;
  recovering = 0
}
#endif

#ifdef RESTORE_A
inline copyStore(to, from) {
  to.next = from.next;
  to.waits = from.waits;
  i = 0;
  do
  :: i < N ->
    to.pair[i].state = from.pair[i].state;
    to.pair[i].hold = from.pair[i].hold;
    to.pair[i].decision = from.pair[i].decision;
    to.pair[i].outcome = from.pair[i].outcome;
    to.pair[i].batch = from.pair[i].batch;
    to.batch[i].state = from.batch[i].state;
    to.batch[i].signature = from.batch[i].signature;
    to.batch[i].others = from.batch[i].others;
    i++
  :: else -> break
  od;
  i = 0
}

inline recover() {
  i = 0;
  do
  :: i < N ->
    if
    :: readsChain && F_prepared[i] ->
      A.batch[i].state = COUNTERSIGNED;
      if
      :: A.pair[PAIR(i)].outcome == NONE ->
        A.pair[PAIR(i)].state = IN_BATCH;
        A.pair[PAIR(i)].batch = i + 1;
        /* What was given back here and committed by the lost store is set aside again. */
        if
        :: F_commit[i] ->
          A.pair[PAIR(i)].hold = 1;
          A.pair[PAIR(i)].decision = ACCEPTED
        :: F_commit[i] == 0 && A.pair[PAIR(i)].decision != DECLINED ->
          A.pair[PAIR(i)].hold = (credit(PAIR(i)) -> 1 : A.pair[PAIR(i)].hold)
        :: else
        fi
      :: else
      fi
    :: (readsChain == 0 || F_prepared[i] == 0) && (A.batch[i].state == SIGNED || A.batch[i].state == COUNTERSIGNED) ->
      /* Signed again: the same content under the new key. */
      A.batch[i].signature = acceptorsKeys;
      sentAcceptorSignature[i] = sentAcceptorSignature[i] | acceptorsKeys
    :: else
    fi;
    i++
  :: else -> break
  od;
  i = 0;
  A.next = (readsChain && F_next > A.next -> F_next : A.next);
  if
  :: A.waits != 0 && readsChain && F_prepared[A.waits - 1] -> A.waits = 0
  :: else
  fi;
  recovering = 0
}
#endif

/*
 * A restored initiator is shown a batch that the acceptor has signed and it does not know, or has one that it had not
 * signed: it countersigns it when it is dead, so that the number is used up, and makes no other batch before.
 */
#define SHOWN_TO_INITIATOR(b)                                                                                           \
  :: d_step { working && restored && I.batch[b].state == NONE && sentAcceptorSignature[b] && F_prepared[b] == 0 ->      \
     printf("I: is shown batch %d, which it does not know\n", b);                                                       \
     I.batch[b].state = SHOWN; I.waits = (I.waits == 0 -> b + 1 : I.waits) }                                            \
  :: d_step { working && I.batch[b].state == SHOWN && F_time > D(b) && sentAcceptorSignature[b] ->                                                  \
     printf("I: countersigns batch %d, which is dead\n", b);                                                            \
     I.batch[b].state = COUNTERSIGNED; I.batch[b].signature = initiatorsKeys; I.batch[b].others = 1;                    \
     sentInitiatorSignature[b] = sentInitiatorSignature[b] | initiatorsKeys;                                            \
     I.next = (I.next > sequence[b] -> I.next : sequence[b] + 1); I.waits = (I.waits == b + 1 -> 0 : I.waits) }

/*
 * A restored acceptor is shown its own old signature of a batch that it does not know: it signs the same content again;
 * a pair in it that it does not hold stands declined.
 */
#define SHOWN_TO_ACCEPTOR(b)                                                                                            \
  :: d_step { working && restored && sentAgain[b] && (sentAcceptorSignature[b] & 1) && (A.batch[b].state == NONE || A.batch[b].state == REFUSED) && sequence[b] == A.next && acceptorsLaneFree && A.pair[PAIR(b)].batch == 0 -> \
     printf("A: is shown its own signature of batch %d, signs it again\n", b);                                          \
     if :: A.pair[PAIR(b)].state == NONE -> A.pair[PAIR(b)].decision = DECLINED :: else fi;                             \
     acceptorSigns(b) }

#define STEPS(p) INITIATOR(p) ACCEPTOR(p) CHAIN_BATCH(p) EXTRA(p)
#ifdef LIAR_I
#define INITIATOR(p) LYING_INITIATOR_PAIR(p) LYING_INITIATOR_BATCH(p)
#else
#define INITIATOR(p) INITIATOR_PAIR(p) INITIATOR_BATCH(p)
#endif
#ifdef LIAR_A
#define ACCEPTOR(p) LYING_ACCEPTOR_PAIR(p) LYING_ACCEPTOR_BATCH(p)
#else
#define ACCEPTOR(p) ACCEPTOR_PAIR(p) ACCEPTOR_BATCH(p)
#endif
#if defined(STOLEN)
#define EXTRA(p) THIEF(p)
#elif defined(RESTORE_I)
#define EXTRA(p) SHOWN_TO_INITIATOR(p)
#elif defined(RESTORE_A)
#define EXTRA(p) SHOWN_TO_ACCEPTOR(p)
#else
#define EXTRA(p)
#endif

/* In a prompt world the acceptor's own node and the chain are never late; the peer and the link may be. */
#ifdef PROMPT
#define late(b) (canCarryAsAcceptor(b) || canSendCommit(b) || canPrepare(b) || canDecide(b, poolCommit))
#if BATCHES == 1
#define timeMayPass (!late(0) && !late(1))
#elif BATCHES == 2
#define timeMayPass (!late(0) && !late(1) && !late(2))
#endif
#else
#define timeMayPass 1
#endif

active proctype world() {
  I.next = 1;
  A.next = 1;
  do
  STEPS(0)
#if BATCHES > 0
  STEPS(1)
#endif
#if BATCHES > 1
  STEPS(2)
#endif
#if BATCHES > 2
  STEPS(3)
#endif
  :: d_step { unfinal -> printf("chain: final up to %d\n", L_time); moveToFinal() }
#ifdef REORG
  :: d_step { faulty && unfinal -> printf("fault: the chain is reorganised\n"); reorganise() }
#endif
  :: d_step { faulty && L_time < noon && timeMayPass -> L_time++; printf("chain: it is %d\n", L_time); unfinal = 1 }
#ifdef RESTORE
  :: d_step { faulty && snapshotTaken == 0 ->
     printf("a snapshot is taken\n");
     snapshotTaken = 1;
#ifdef RESTORE_I
     copyStore(snapshot, I)
#else
     copyStore(snapshot, A)
#endif
     }
  :: d_step { faulty && snapshotTaken && restored == 0 ->
     printf("fault: the snapshot is restored\n");
     restored = 1;
     recovering = 1;
#ifdef RESTORE_I
     copyStore(I, snapshot)
#else
     copyStore(A, snapshot);
     i = 0;
     do
     :: i < N -> executions[i] = (A.pair[i].outcome == EXECUTED); i++
     :: else -> break
     od;
     i = 0
#endif
     }
  :: d_step { recovering && rotates && L_keys == 1 -> printf("controller: new keys\n"); L_keys = 2; unfinal = 1 }
  :: d_step { recovering && keysSettled -> printf("the restored side goes on\n"); recover() }
#endif
  :: d_step { faulty -> printf("---- the faults stop\n"); healed = 1 }
  :: else ->
     if
     :: I.pair[PROBE].state == NONE && HONEST_I && HONEST_A && sentProposal[PROBE] == 0 ->
        printf("---- all is quiet: I holds pair %d, proposes it\n", PROBE);
        I.pair[PROBE].state = HELD;
        I.pair[PROBE].hold = 1;
        sentProposal[PROBE] = 1
     :: else ->
        if
        :: L_time < lastTime ->
           L_time++;
           printf("chain: it is %d\n", L_time);
           unfinal = 1
        :: else -> break
        fi
     fi
  od;
  atomic { atTheEnd(); done = 1 }
}

/* Once the faults have stopped every run comes to its end, whatever the order of the steps: no fairness is assumed. */
ltl comesToAnEnd { [] (healed -> <> done) }
