#pragma once

/* Between the runner and labhub-init, the first process of its sandbox: one struct in each packet. C, as both read it.
 */

#include <stdint.h>

/* The lifeline's descriptor in the sandbox. */
enum { LABHUB_INIT_LIFELINE = 3 };

enum labhub_init_kind {
    LABHUB_INIT_STARTED = 'S',     /* from init: the program is running */
    LABHUB_INIT_NOT_STARTED = 'X', /* from init: execve failed, value is errno */
    LABHUB_INIT_ENDED = 'E',       /* from init: the program has ended, value is its wait status */
    LABHUB_INIT_TERMINATE = 'T',   /* from the runner: send the program SIGTERM */
    LABHUB_INIT_RESUMED = 'C',     /* from the runner: it was paused and is no more; send the program SIGCONT */
    /* From the runner, to an init that was started without a program and waits for one. Value is the number of
     * arguments; after the struct come that many arguments and then the environment, each ended by a NUL. */
    LABHUB_INIT_RUN = 'R'
};

/* The largest LABHUB_INIT_RUN, with its struct, and the most strings in it. */
enum { LABHUB_INIT_MAX_PACKET = 64 * 1024, LABHUB_INIT_MAX_STRINGS = 1024 };

struct labhub_init_message {
    char kind;
    int32_t value;
};
