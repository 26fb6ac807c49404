"""The control API: the dials, and what the provider's staff and cardholders' banks would do."""

from payments.tests.providers.caller import Caller


def test_the_dials_are_turned_over_http(caller: Caller) -> None:
    """Those named change, the others stay; nonsense changes nothing."""
    assert caller.call("PUT", "/control/dials", {"drop": 0.5})[1]["drop"] == 0.5
    assert caller.call("PUT", "/control/dials", {"reorder": 1})[1]["drop"] == 0.5
    assert caller.call("PUT", "/control/dials", {"drop": 2})[0] == 400
    assert caller.call("PUT", "/control/dials", {"crash": 1})[0] == 400
    assert caller.call("GET", "/control/dials")[1]["drop"] == 0.5


def test_the_control_api_does_what_others_would(caller: Caller) -> None:
    """Settle, refund at the dashboard, dispute, close: each over HTTP."""
    caller.charge("tok_pending")
    assert caller.call("POST", "/control/charges/pay_1/settle", {"outcome": "maybe"})[0] == 400
    assert caller.call("POST", "/control/charges/pay_1/settle", {"outcome": "succeeded"})[1]["status"] == "succeeded"
    assert caller.call("POST", "/control/charges/pay_1/settle", {"outcome": "failed"})[0] == 409
    _, refund = caller.call("POST", "/control/charges/pay_1/refund", {"amount": 400})
    assert (refund["amount"], refund["reference"]) == (400, None)
    failed = caller.call("POST", f"/control/refunds/{refund['id']}/settle", {"outcome": "failed"})[1]
    assert failed["failure_code"] == "expired_or_canceled_card"
    _, dispute = caller.call("POST", "/control/charges/pay_1/dispute", {})
    assert caller.call("POST", f"/control/disputes/{dispute['id']}/close", {"outcome": "won"})[1]["status"] == "won"
    assert caller.call("GET", "/control/charges")[1]["per_reference"] == {"pay_1": {"charges": 1, "succeeded": 1}}
    types = [copy["type"] for copy in caller.call("GET", "/control/webhooks")[1]["data"]]
    assert types == ["charge.succeeded", "refund.succeeded", "refund.failed", "dispute.opened", "dispute.won"]


def test_a_failure_may_be_settled_with_its_code(caller: Caller) -> None:
    """As the issuer would give it."""
    caller.charge("tok_pending")
    body = {"outcome": "failed", "failure_code": "stolen_card"}
    assert caller.call("POST", "/control/charges/pay_1/settle", body)[1]["failure_code"] == "stolen_card"
