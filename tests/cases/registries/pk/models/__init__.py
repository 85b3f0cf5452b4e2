from . import rexnet, efficientnet  # filled in this order
