/* peak_template.h: loops that do as much as a thread can. A template: see each_kind.h. */

typedef REAL NAME(vector) __attribute__((vector_size(BYTES), may_alias));
#define VECTOR NAME(vector)
#define EACH UNROLLED for (int i = 0; i < CHAINS; i++)

/* The sum of all, so that none can be left out. */
static TARGET double NAME(total)(const VECTOR *sums)
{
    double total = 0;
    for (int i = 0; i < CHAINS; i++)
        for (int lane = 0; lane < BYTES / (int)sizeof(REAL); lane++) total += (double)sums[i][lane];
    return total;
}

/* Chains of x = x / 2 + 1 side by side: each stays near 2. */
static TARGET double NAME(multiply_and_add)(int64_t rounds)
{
    const VECTOR none = { 0 }, half = (REAL)0.5 + none, one = 1 + none;
    VECTOR chains[CHAINS];
    EACH chains[i] = (REAL)i + none;
    for (; rounds > 0; rounds--) EACH chains[i] = MULTIPLY_ADD(chains[i], half, one);
    return NAME(total)(chains);
}

/* Of so many bytes: a multiple of CHAINS vectors. */
static TARGET double NAME(sum_of)(int64_t bytes, const void *numbers)
{
    const VECTOR *at = numbers;
    VECTOR sums[CHAINS] = { { 0 } };
    for (int64_t rounds = bytes / (CHAINS * BYTES); rounds > 0; rounds--, at += CHAINS) EACH sums[i] += at[i];
    return NAME(total)(sums);
}

/* What a round is worth. */
enum { NAME(round) = 2 * CHAINS * BYTES / (int)sizeof(REAL) };
static const peak_loops NAME(loops) = { NAME(multiply_and_add), NAME(sum_of), NAME(round) };

#undef VECTOR
#undef EACH
