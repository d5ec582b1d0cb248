"""An operator's office: it has a CA, and answers devices that ask."""

from pathlib import Path

from agent.control.enrolment import install, request
from agent.control.provision_answer import BrokerAddress
from agent.fleet.authority import Authority
from agent.fleet.provision import Asked
from agent.fleet.revocations import write_revocations


class Office:
    """With a CA in `folder`, and a broker somewhere."""

    def __init__(self, folder: Path, host: str = "localhost", port: int = 8883) -> None:
        self.authority = Authority.make(folder)
        self.crl = write_revocations(self.authority)
        self.broker = BrokerAddress(host=host, port=port, groups=("site-north",))

    def answer(self, pem, days=30):
        """To a request, as bytes."""
        path = self.authority.folder / "received.csr"
        path.write_bytes(pem)
        asked = Asked(path)
        return asked.answer(asked.signed(self.authority, days), self.authority.pem, self.broker)

    def provision(self, folder, device="gate-7", try_out=lambda _: None):
        """The identity that a device has after all three steps."""
        return install(folder, self.answer(request(folder, device).pem), try_out)
