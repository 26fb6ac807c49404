"""Why a call got no answer, in a sentence for the person whose server it is."""

import re
import ssl

import httpcore

from config.outgoing.addresses import UrlRefused

FAILURES = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    OSError,
    ValueError,
)
"""Whatever a receiver, its name servers or the network between can make httpcore and the standard library raise."""
MAX_LENGTH = 500


def sentence(problem: Exception, *, timeout_seconds: float) -> str:
    """One line of at most 500 printable characters."""
    text = re.sub(r"\s+", " ", _why(problem, timeout_seconds))
    return "".join(each if each.isprintable() else "?" for each in text)[:MAX_LENGTH]


def _why(problem: Exception, timeout_seconds: float) -> str:
    within = f"within {timeout_seconds:g} s"
    match problem:
        case UrlRefused():
            return str(problem)
        case httpcore.PoolTimeout():
            return f"not sent: {problem} for {timeout_seconds:g} s"
        case httpcore.ConnectTimeout():
            return f"no connection {within}"
        case httpcore.WriteTimeout():
            return f"the receiver did not take the request {within}"
        case httpcore.TimeoutException():
            return f"no answer {within}"
        case httpcore.ConnectError():
            return _no_connection(problem)
        case httpcore.RemoteProtocolError() if "disconnected" in str(problem):
            return "the receiver closed the connection without an answer"
        case httpcore.RemoteProtocolError():
            return f"the answer is not HTTP: {problem}"
        case httpcore.NetworkError():
            return f"the connection broke: {_cause(problem)}"
    return f"not sent: {problem}"


def _no_connection(problem: httpcore.ConnectError) -> str:
    """Also for what the guard refuses, which has no cause and says it all itself."""
    match problem.__cause__:
        case ssl.SSLCertVerificationError() as error:
            return f"TLS: the certificate is not accepted: {error.verify_message}"
        case ssl.SSLError() as error:
            return f"TLS: {(error.reason or str(error)).replace('_', ' ').lower()}"
        case OSError() as error if type(problem) is httpcore.ConnectError:
            return f"no connection: {error.strerror or error}"
    return str(problem)


def _cause(problem: Exception) -> str:
    cause = problem.__cause__
    return (cause.strerror if isinstance(cause, OSError) else None) or str(problem)
