"""What makes the events of customers happen: recipes, as in `recipes`."""

from config.management.triggers.world import NAME, World
from invoices import services as invoices
from payments import services as payments


def create_customer(world: World) -> str:
    """A customer is created."""
    return world.customer()


def update_customer(world: World) -> str:
    """A new customer gets another name."""
    customer = world.customer()
    invoices.update_customer(actor=world.actor, customer_id=customer, changes={"name": f"{NAME} updated"})
    return customer


def attach(world: World) -> str:
    """A new customer gets a payment method, tok_visa, which is the default."""
    customer = world.customer()
    world.attach(customer, "tok_visa")
    return customer


def detach(world: World) -> str:
    """A new customer's payment method is detached."""
    customer = world.customer()
    payments.detach_payment_method(actor=world.actor, method_id=world.attach(customer, "tok_visa"), reason=NAME)
    return customer
