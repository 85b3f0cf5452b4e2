class Loud:
    def forward(self, x):
        return super().forward(x * 10)
