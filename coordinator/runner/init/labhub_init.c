/*
 * labhub-init: process 1 of a sandbox.  labhub-init [PROGRAM [ARGUMENT ...]], with descriptor 3 a SOCK_SEQPACKET socket
 * whose other end the runner holds: the lifeline. (Standard input is that socket where the runtime passes no other.)
 * Without a program it waits to be told one there, once.
 *
 * Starts the program, hands SIGTERM on to it, sends it SIGCONT after a pause, reaps every orphan, and when the program
 * has ended kills whatever it left behind, so that nothing outlives the script. When the lifeline breaks (the runner
 * died, however), everything is killed at once: no sandbox runs unwatched. Exits with the program's status, 128 +
 * signal where a signal ended it.
 *
 * Messages are struct message (init_protocol.h). Static and without allocation: it starts in well under a millisecond
 * and needs nothing of the root it runs in.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/runner/init/init_protocol.h"

enum { EXIT_NOT_STARTED = 127, EXIT_BROKEN = 125 };

static void say(char kind, int32_t value) {
    const struct labhub_init_message message = {kind, value};
    /* The runner may be gone; then the lifeline's end is seen in the main loop. */
    (void)!send(LABHUB_INIT_LIFELINE, &message, sizeof message, MSG_NOSIGNAL);
}

/* The kernel should take the script before this process when memory runs out: init has the story to tell. */
static void prefer_as_oom_victim(void) {
    const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    (void)!write(fd, "900", 3);
    close(fd);
}

static void become_program(char** argv, int failure_pipe) {
    sigset_t none;
    sigemptyset(&none);
    prctl(PR_SET_DUMPABLE, 1);
    prefer_as_oom_victim();
    setsid();
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(argv[0], argv);
    const int why = errno;
    (void)!write(failure_pipe, &why, sizeof why);
    _exit(EXIT_NOT_STARTED);
}

/* Starts the program and returns its pid once execve has succeeded, or -1. */
static pid_t start_program(char** argv) {
    int failure_pipe[2];
    if (pipe2(failure_pipe, O_CLOEXEC) != 0) return -1;
    const pid_t pid = fork();
    if (pid == 0) become_program(argv, failure_pipe[1]);
    const int fork_failure = errno;
    close(failure_pipe[1]);
    int why = pid < 0 ? fork_failure : 0;
    ssize_t got = 0;
    do got = pid < 0 ? 0 : read(failure_pipe[0], &why, sizeof why);
    while (got < 0 && errno == EINTR);
    close(failure_pipe[0]);
    if (pid > 0 && got == 0) return pid;
    say(LABHUB_INIT_NOT_STARTED, why);
    return -1;
}

/* The program to start and, in environ, its environment; both lie in the packet that brought them. */
static char** await_program(void) {
    static char packet[LABHUB_INIT_MAX_PACKET];
    static char* strings[LABHUB_INIT_MAX_STRINGS + 2];
    struct labhub_init_message head;
    ssize_t got = 0;
    do got = recv(LABHUB_INIT_LIFELINE, packet, sizeof packet, 0);
    while (got < 0 && errno == EINTR);
    if (got <= (ssize_t)sizeof head || packet[got - 1] != 0) _exit(128 + SIGKILL);
    memcpy(&head, packet, sizeof head);
    if (head.kind != LABHUB_INIT_RUN || head.value < 1) _exit(128 + SIGKILL);
    int count = 0, at = 0;
    for (char* text = packet + sizeof head; text < packet + got; text += strlen(text) + 1, ++count) {
        if (count == LABHUB_INIT_MAX_STRINGS) _exit(128 + SIGKILL);
        /* The arguments' own end lies between them and the environment. */
        if (count == head.value) strings[at++] = NULL;
        strings[at++] = text;
    }
    if (count < head.value) _exit(128 + SIGKILL);
    environ = strings + head.value + (count > head.value);
    return strings;
}

static void kill_all_and_reap(void) {
    for (;;) {
        kill(-1, SIGKILL);
        int status = 0;
        if (waitpid(-1, &status, 0) < 0 && errno == ECHILD) return;
    }
}

static void end_with(int status) {
    kill_all_and_reap();
    say(LABHUB_INIT_ENDED, status);
    _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

static void reap_until(pid_t program) {
    int status = 0;
    for (;;) {
        const pid_t ended = waitpid(-1, &status, WNOHANG);
        if (ended == program) end_with(status);
        if (ended <= 0 && !(ended < 0 && errno == EINTR)) return;
    }
}

static void obey_runner(pid_t program) {
    struct labhub_init_message message;
    const ssize_t got = recv(LABHUB_INIT_LIFELINE, &message, sizeof message, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got <= 0) {
        kill_all_and_reap();
        _exit(128 + SIGKILL);
    }
    if (message.kind == LABHUB_INIT_TERMINATE) kill(program, SIGTERM);
    if (message.kind == LABHUB_INIT_RESUMED) kill(program, SIGCONT);
}

static void obey_signal(int signals, pid_t program) {
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo != SIGCHLD) kill(program, (int)info.ssi_signo);
    reap_until(program);
}

/* runsc hands on the three standard descriptors only. The program gets an empty input in its place. */
static void find_lifeline(void) {
    int type = 0;
    socklen_t size = sizeof type;
    if (fcntl(LABHUB_INIT_LIFELINE, F_GETFD) >= 0) return;
    if (getsockopt(0, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) return;
    dup2(0, LABHUB_INIT_LIFELINE);
    close(0);
    open("/dev/null", O_RDONLY);
}

int main(int argc, char** argv) {
    find_lifeline();
    /* Without one (a bundle run by hand) there is nobody to watch for. */
    const int watching = fcntl(LABHUB_INIT_LIFELINE, F_SETFD, FD_CLOEXEC) == 0;
    if (argc < 2 && !watching) return EXIT_BROKEN;
    /* The script runs as the same user: without this it could write to our memory through /proc/1/mem. */
    prctl(PR_SET_DUMPABLE, 0);
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGHUP);
    sigprocmask(SIG_BLOCK, &watched, NULL);
    const int signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0) return EXIT_BROKEN;

    const pid_t program = start_program(argc > 1 ? argv + 1 : await_program());
    if (program < 0) return EXIT_NOT_STARTED;
    say(LABHUB_INIT_STARTED, 0);
    struct pollfd events[2] = {{watching ? LABHUB_INIT_LIFELINE : -1, POLLIN, 0}, {signals, POLLIN, 0}};
    for (;;) {
        if (poll(events, 2, -1) < 0 && errno != EINTR) return EXIT_BROKEN;
        if (events[0].revents) obey_runner(program);
        if (events[1].revents) obey_signal(signals, program);
    }
}
