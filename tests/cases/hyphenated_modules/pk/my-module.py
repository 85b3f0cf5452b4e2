X = "imported by importlib alone"
