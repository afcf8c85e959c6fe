"""A fleet of many devices and their servers, without HTTP and SQL: herds, queues, retry budgets, sizing.

What a device does next, and how long it waits, is decided by the product's own `device.core.session`; the server is
a queue with a speed. So it says what pacing and size come to, and nothing about correctness: for that there are
`simulators.world` and its judges.
"""
