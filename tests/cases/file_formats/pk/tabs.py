def nested(n):
	if n:
		for k in range(n):
			n += k
	# a comment
	return n
