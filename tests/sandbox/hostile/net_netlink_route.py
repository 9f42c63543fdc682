"""Netlink: routes, links, addresses."""
# says: EPERM
# control: unshare
import socket

attempt("route", socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, 0)
attempt("route datagram", socket.socket, socket.AF_NETLINK, socket.SOCK_DGRAM, 0)
