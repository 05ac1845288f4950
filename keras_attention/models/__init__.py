"""Model families, all behind one contract."""
