"""What is counted and told: each thing counts for itself, and is summed up when it goes.

counts          which way messages took through a queue, a channel, an exchange
sample          what was counted by a certain time
history         what was counted over the last minutes
activity        the sums over everything that ever was
histogram       values by size, without keeping them
events          what comes and goes, told as it happens
"""
