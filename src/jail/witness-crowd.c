/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Those who call at the same time come again and again in turn, A B A B or A B C A
 * B C.  A shell that starts one program after the other makes A B A C A D: half of
 * its runs are of a thread that was not there before.  So a run of one that was
 * adds 1 to the score, of another halves it.
 */
#include "jail/witness-crowd.h"

#include "base/clock.h"

#define SCORE_CROWD 4u
#define SCORE_MAX   16u
#define APART_NS    (20 * NS_PER_MS) /* two runs that tell nothing together */
#define DENSE_NS    (NS_PER_MS / 5)  /* between two calls of a run */

/* True: a run begins. */
static bool see_run(struct crowd *c, pid_t tid, uint64_t now_ns)
{
	bool known = false;

	if (c->runs[c->at] == tid)
		return false;
	for (unsigned i = 0; i < CROWD_RUNS; i++)
		known |= c->runs[i] == tid;
	if (now_ns - c->since_ns > APART_NS)
		c->score = 0;
	else if (!known)
		c->score /= 2;
	else if (c->score < SCORE_MAX)
		c->score++;
	c->at = (c->at + 1) % CROWD_RUNS;
	c->runs[c->at] = tid;
	c->since_ns = now_ns;
	return true;
}

enum crowd_answer crowd_see(struct crowd *c, pid_t tid, uint64_t now_ns)
{
	bool dense = now_ns - c->last_ns < DENSE_NS;
	bool begins = see_run(c, tid, now_ns);

	c->last_ns = now_ns;
	if (!dense)
		return CROWD_LOOK;
	if (c->score >= SCORE_CROWD)
		return CROWD_APART;
	return begins ? CROWD_LOOK : CROWD_HERE;
}
