from pk import score


def run(audio, pk=None):
    loss = score.total(audio)
    return loss, pk


audio = [1, 2, 3]
print(run(audio))
loss = "a local name"
print(score.describe(loss), score.loss.NAME)
