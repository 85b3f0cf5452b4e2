"""Nothing in here is IPython's.

%matplotlib inline
"""
import pk
# !ls /
# %timeit is slow
#%time pk.f()
TEXT = """
%matplotlib inline
!ls
%%time
? what
# %% no cell
"""
# !echo hi
# %d files is what we say


def rest(x):
    # %pip install x
    # !echo no
    return (x
            % 3), x \
        % 4, "%d%%" % x  # %s


print(TEXT, rest(10), not pk.f() != 10)
# %%capture is no magic here
print("still shown")
