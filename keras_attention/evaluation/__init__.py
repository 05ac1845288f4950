"""How good translations are, and how good the attention behind them."""
