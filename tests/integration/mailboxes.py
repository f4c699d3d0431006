"""A Dovecot with one user on free loopback ports, run by an ordinary user, its mails in a Maildir."""

import grp
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import trustme

from tests.ports import free_port

from .mail_servers import HOST, wait_for_port

USER, PASSWORD = "bounces@shop.example", 's3cret pass"word'

CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
protocols = imap pop3
listen = {host}
mail_location = maildir:{folder}/mail
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 1
first_valid_gid = 1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2
pop3_uidl_format = %08Xu%08Xv
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home
}}
"""


#: what Dovecot asks about a token: RFC 7662, answered below
OAUTH2 = """\
introspection_mode = post
introspection_url = http://{host}:{oauth}/introspect
username_attribute = username
active_attribute = active
active_value = true
"""
TOKEN = "ya29.good-token_with.signs-~+/="


class Introspection(BaseHTTPRequestHandler):
    """Tells whose a token is."""

    def do_POST(self):
        """RFC 7662 §2.2."""
        given = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        known = given.get("token") == [TOKEN]
        body = json.dumps({"active": True, "username": USER} if known else {"active": False}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words):
        """Nothing to the terminal."""


@contextmanager
def introspection():
    """A server of tokens; its port."""
    with ThreadingHTTPServer((HOST, 0), Introspection) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True)
class Mailboxes:
    """A running Dovecot."""

    ports: dict[str, int]  # by scheme
    folder: Path

    @property
    def ca_file(self):
        return str(self.folder / "ca.pem")

    def url(self, scheme, folder=""):
        return f"{scheme}://{USER.replace('@', '%40')}@{HOST}:{self.ports[scheme]}/{folder}"

    def imap(self, folder="INBOX"):
        return self.url("imap", folder)

    def pop3(self):
        return self.url("pop3")


@contextmanager
def dovecot(program):
    """A running Dovecot with an empty mailbox. Its paths must be short, so it has a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="dc-", dir="/tmp"))
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    entry = pwd.getpwnam(user)
    ports = {scheme: free_port() for scheme in ("imap", "imaps", "pop3", "pop3s")}
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate = authority.issue_cert(HOST)
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for part in certificate.cert_chain_pems:
        part.write_to_path(folder / "cert.pem", append=True)
    words = {"folder": folder, "host": HOST, "user": user, "group": grp.getgrgid(entry.pw_gid).gr_name}
    config = folder / "dovecot.conf"
    config.write_text(CONFIG.format(**words, **ports))
    (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    for name in ("run", "mail", "home"):
        (folder / name).mkdir()
    if os.geteuid() == 0:
        for each in (folder, *folder.iterdir()):
            shutil.chown(each, user, entry.pw_gid)
    given = {"user": user, "group": entry.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with introspection() as oauth:
        (folder / "oauth2.conf").write_text(OAUTH2.format(host=HOST, oauth=oauth))
        process = subprocess.Popen([program("dovecot"), "-F", "-c", str(config)], **given)
        try:
            for port in ports.values():
                wait_for_port(port, process)
            yield Mailboxes(ports, folder)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)
            shutil.rmtree(folder, ignore_errors=True)
