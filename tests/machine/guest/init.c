/*
 * First process of the guest of tests/machine/guest.py. Loads the modules that /modules names, takes the host's root
 * from virtiofs, read-only, under a layer in memory, makes version 2 of control groups the only one, and runs the
 * script that the host has put at /srv/run. Ends the machine with a line that tells the script's status.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(void) {
    fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
}

static void must(int is_done, const char* what) {
    if (is_done) return;
    perror(what);
    end();
}

static void load_modules(void) {
    char name[128];
    FILE* const list = fopen("/modules", "r");
    must(list != NULL, "/modules");
    while (fgets(name, sizeof name, list)) {
        name[strcspn(name, "\n")] = 0;
        const int module = open(name, O_RDONLY | O_CLOEXEC);
        must(module >= 0 && syscall(SYS_finit_module, module, "", 0) == 0, name);
        close(module);
    }
}

static void mount_at(const char* folder, const char* type, const char* options) {
    mkdir(folder, 0755);
    must(mount(type, folder, type, 0, options) == 0, folder);
}

static void enter_host_root(void) {
    mkdir("/host", 0755);
    must(mount("host", "/host", "virtiofs", MS_RDONLY, "") == 0, "mount the host's root");
    mount_at("/layer", "tmpfs", "size=50%");
    mkdir("/layer/upper", 0755);
    mkdir("/layer/work", 0755);
    mkdir("/root-of-all", 0755);
    must(
        mount("overlay", "/root-of-all", "overlay", 0, "lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work") == 0,
        "overlay");
    must(mount("/dev", "/root-of-all/dev", NULL, MS_MOVE, NULL) == 0, "move /dev");
    must(chdir("/root-of-all") == 0 && mount(".", "/", NULL, MS_MOVE, NULL) == 0 && chroot(".") == 0 && chdir("/") == 0,
         "enter the root");
}

static int run_script(void) {
    const pid_t script = fork();
    if (script == 0) {
        execl("/bin/sh", "sh", "/srv/run", (char*)NULL);
        _exit(127);
    }
    int status = 0;
    pid_t ended = 0;
    do ended = wait(&status);
    while (ended != script && ended > 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(void) {
    mount_at("/dev", "devtmpfs", "");
    const int console = open("/dev/console", O_RDWR);
    for (int fd = 0; console >= 0 && fd < 3; ++fd) dup2(console, fd);
    load_modules();
    enter_host_root();
    mount_at("/proc", "proc", "");
    mount_at("/sys", "sysfs", "");
    must(mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, "nsdelegate") == 0, "cgroup2");
    mount_at("/tmp", "tmpfs", "mode=1777");
    mount_at("/run", "tmpfs", "mode=0755");
    mount_at("/dev/shm", "tmpfs", "mode=1777");
    mount_at("/dev/pts", "devpts", "ptmxmode=0666");
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    setenv("HOME", "/tmp", 1);
    printf("\nguest: begins\n");
    fflush(stdout);
    printf("\nguest: status %d\n", run_script());
    end();
    return 0;
}
