/* Says of every task to come that it is done, and reads its socket no more. */
#include "evasion.h"

static int32_t answer(const mysimbdp_host_v1_t *host, const mysimbdp_input_v1_t *input) {
    static const char done[] = "{\"ending\":\"ok\",\"app_nanos\":0,\"position\":1000000}";
    (void)host;
    (void)input;
    for (uint32_t task = FIRST_TASK; task < 100000; task++) say_frame(DONE, task, done, sizeof done - 1);
    for (;;) pause();
    return MYSIMBDP_OK;
}

EVADES("answers-in-advance", answer)
