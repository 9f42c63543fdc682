"""A mail server on 127.0.0.1 that takes every mail: the port on the first line of standard output, then a line of JSON a mail.

    smtp_sink.py [REFUSED …]    a receiver with one of these addresses is refused
"""
import asyncore
import json
import smtpd
import sys
import warnings

warnings.simplefilter("ignore")


class Channel(smtpd.SMTPChannel):
    def smtp_RCPT(self, arg):
        if any(address in arg for address in sys.argv[1:]):
            return self.push("550 no such user")
        return super().smtp_RCPT(arg)


class Sink(smtpd.SMTPServer):
    channel_class = Channel

    def process_message(self, peer, mailfrom, rcpttos, data, **_):
        print(json.dumps({"from": mailfrom, "to": rcpttos, "data": data.decode("utf-8", "replace")}), flush=True)


sink = Sink(("127.0.0.1", 0), None, decode_data=False)
print(sink.socket.getsockname()[1], flush=True)
asyncore.loop()
