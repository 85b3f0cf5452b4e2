import pk
from pk.even import is_even

print(is_even(10), pk.odd.is_odd(7), pk.even.is_even(3))
print(pk.left.Left().partner().partner())
