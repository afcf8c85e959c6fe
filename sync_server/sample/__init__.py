"""The sample organisation: a regional water utility, its people, assets, stock, work orders and manuals."""
