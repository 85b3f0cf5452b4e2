import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from pk.jobs import Job, start, work

if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    with context.Pool(2, initializer=start, initargs=(10,)) as pool:
        print(pool.map(work, [Job(1), Job(2), Job(3)]))
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        print(pool.submit(work, Job(4)).result())
    queue = context.Queue()
    process = context.Process(target=start, args=(3, queue))
    process.start()
    print(queue.get(timeout=60))
    process.join()
    print(process.exitcode)
