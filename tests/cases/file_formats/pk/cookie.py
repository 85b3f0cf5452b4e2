#!/usr/bin/env python
# -*- coding: utf-8 -*-
TEXT = "é鳥"
