
_bawn_sessions() {
	local -a ids
	ids=(${(f)"$(bawn ps --all --json 2>/dev/null |
		sed -n 's/.*"id":"\([^"]*\)".*/\1/p')"} @)
	compadd -a ids
}

_bawn_profiles() {
	local -a names
	names=(${XDG_CONFIG_HOME:-$HOME/.config}/bawn/profiles/*.yaml(N:t:r))
	compadd -a names
}

_bawn_verbs() {
	_describe verb _bawn_verb_list
}

_bawn_command() {
	[[ $words[1] == -- ]] && { shift words; (( CURRENT-- )) }
	_normal
}

_bawn() {
	if (( CURRENT == 2 )); then
		_bawn_verbs
		return
	fi
	local verb=$words[2]
	local list=_bawn_${verb}_list
	if (( ${+parameters[$list]} )); then
		if (( CURRENT == 3 )); then
			_describe verb $list
			return
		fi
		verb="$words[2] $words[3]"
		shift words
		(( CURRENT-- ))
	fi
	shift words
	(( CURRENT-- ))
	_bawn_arguments_of $verb
}

_bawn "$@"
