"""Posts as providers make them, with keys of our own: what verification is tested against."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from hygiene.config import WebhookSettings
from hygiene.credentials import Secret
from hygiene.service.webhooks.gate import TOLERANCE_S, Gate, open_gate
from hygiene.service.webhooks.post import read_post

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-events"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem"

SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(key, *, start=NOW - timedelta(days=30), end=NOW + timedelta(days=300)):
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder(
        subject_name=name,
        issuer_name=name,
        public_key=key.public_key(),
        serial_number=7,
        not_valid_before=start,
        not_valid_after=end,
    ).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


def sns_body(key, message, *, version="2", **fields):
    """A post of SNS, signed over its fields in the order of their names."""
    told = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-11-28T11:59:30.000Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
    } | fields
    signed = [name for name in SIGNED if name in told]
    if told["Type"] == "Notification":
        signed = [name for name in signed if name not in {"Token", "SubscribeURL"}]
    else:
        signed.remove("Subject") if "Subject" in signed else None
    text = "".join(f"{name}\n{told[name]}\n" for name in signed)
    digest = hashes.SHA1() if version == "1" else hashes.SHA256()
    told["Signature"] = base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), digest)).decode()
    return json.dumps(told).encode()


def sns_post(body):
    return read_post([(b"x-amz-sns-message-type", b"Notification"), (b"Content-Type", b"text/plain")], body)


def ses_gate(**changes):
    return open_gate("ses", WebhookSettings(topics=(TOPIC,), **changes))


def ec_key():
    return ec.generate_private_key(ec.SECP256R1())


def public_text(key):
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


def sendgrid_post(key, events, *, at=NOW, **headers):
    body = events if isinstance(events, bytes) else json.dumps(events).encode()
    stamp = str(int(at.timestamp())).encode()
    signature = base64.b64encode(key.sign(stamp + body, ec.ECDSA(hashes.SHA256())))
    told = {
        b"X-Twilio-Email-Event-Webhook-Signature": signature,
        b"X-Twilio-Email-Event-Webhook-Timestamp": stamp,
    } | {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return read_post(told.items(), body)


def mailgun_body(key, event, *, at=NOW, token="ab12" * 12 + "cd", name="signature", **fields):
    stamp = str(int(at.timestamp()))
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    told = {"timestamp": stamp, "token": token, "signature": "0" * 64} | {name: signature} | fields
    return json.dumps({"signature": told, "event-data": event}).encode()


def mailgun_gate(key="whsec"):
    return Gate(provider="mailgun", tolerance_s=TOLERANCE_S["mailgun"], signing_key=Secret(key))


def plain_post(body, *, peer="", **headers):
    return read_post(
        [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()], body, peer=peer
    )


def basic(username, password):
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
