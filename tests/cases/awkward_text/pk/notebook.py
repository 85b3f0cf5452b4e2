# %% [markdown]
# Text of a cell

# %%
CELLS = """
# %%
x = 1
# In[2]:
"""
