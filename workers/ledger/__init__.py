"""The ledger: the truth about models, jobs and chunks. Functions take an open session; whoever opened it commits."""
