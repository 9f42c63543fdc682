"""To open the devices of the host, and terminals."""
# says: ENOENT ENXIO EACCES EPERM
# control: unshare
for name in ("mem", "kmsg", "kvm", "fuse", "loop-control", "loop0", "vda", "sda", "nvme0n1", "net/tun", "vhost-net", "vsock", "userfaultfd", "ttyS0", "ttyUSB0", "ttyACM0",
             "i2c-1", "spidev0.0", "gpiochip0", "hwrng", "rtc0", "console", "pts/0", "ptmx", "tty0", "tty", "cpu_dma_latency", "watchdog-none", "dri/card0", "snapshot-none"):
    attempt(name, os.open, "/dev/" + name, os.O_RDONLY | os.O_NONBLOCK)
