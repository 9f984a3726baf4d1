"""What tests share: the documented semantics of Arki a second time, and customers to compare both on. Nothing serves from it."""
