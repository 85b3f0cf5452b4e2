"""A docstring with a magic.

%%writefile {LIBRARY}/pk/other.py
%matplotlib inline
!rm -rf nothing
?help
"""

TEXT = """
%%writefile x.py
%load_ext autoreload
!ls $HOME {x}
what?
what??
?what
/call this
,quote this
;quote all
>>> prompt
... more
In [1]: x
"""
# %matplotlib inline
# !pip install something
#%% a cell
# %%
# %% [markdown]
# + tags=["parameters"]
# -


def percent(a, b):
    return (a
% b)
