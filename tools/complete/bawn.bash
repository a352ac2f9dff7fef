
_bawn_sessions() {
	bawn ps --all --json 2>/dev/null |
		sed -n 's/.*"id":"\([^"]*\)".*/\1/p'
	echo @
}

_bawn_profiles() {
	local f
	for f in "${XDG_CONFIG_HOME:-$HOME/.config}"/bawn/profiles/*.yaml; do
		[ -e "$f" ] || continue
		f=${f##*/}
		echo "${f%.yaml}"
	done
}

# The candidates of one kind for the word $2.
_bawn_give() {
	case $1 in
	session) mapfile -t COMPREPLY < <(compgen -W "$(_bawn_sessions)" -- "$2") ;;
	profile) mapfile -t COMPREPLY < <(compgen -W "$(_bawn_profiles)" -- "$2") ;;
	variable) mapfile -t COMPREPLY < <(compgen -e -- "$2") ;;
	tool) mapfile -t COMPREPLY < <(compgen -W "claude srt" -- "$2") ;;
	verb) mapfile -t COMPREPLY < <(compgen -W "$_bawn_verbs" -- "$2") ;;
	file)
		mapfile -t COMPREPLY < <(compgen -f -- "$2")
		compopt -o filenames 2>/dev/null
		;;
	command)
		mapfile -t COMPREPLY < <(compgen -c -- "$2")
		;;
	words:*) mapfile -t COMPREPLY < <(compgen -W "${1#words:}" -- "$2") ;;
	*) COMPREPLY=() ;;
	esac
}

_bawn() {
	local cur=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} first=2 i path
	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		_bawn_give verb "$cur"
		return
	fi
	path=$verb
	if [ -n "${_bawn_sub[$verb]+x}" ]; then
		if [ "$COMP_CWORD" = 2 ]; then
			_bawn_give "words:${_bawn_sub[$verb]}" "$cur"
			return
		fi
		path="$verb ${COMP_WORDS[2]}"
		first=3
	fi
	[ -n "${_bawn_arguments[$path]+x}" ] || return
	# Behind "--" stands the command, as if it stood alone.
	for ((i = first; i < COMP_CWORD; i++)); do
		[ "${COMP_WORDS[i]}" = -- ] || continue
		if [ $((i + 1)) = "$COMP_CWORD" ]; then
			_bawn_give "${_bawn_arguments[$path]}" "$cur"
		else
			_bawn_give file "$cur"
		fi
		return
	done
	local before=${COMP_WORDS[COMP_CWORD - 1]}
	# "--name=value" is three words to bash.
	if [ "$before" = = ]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	elif [ "$cur" = = ]; then
		cur= before=$before
	fi
	if [ -n "${_bawn_values["$path $before"]+x}" ]; then
		_bawn_give "${_bawn_values["$path $before"]}" "$cur"
		return
	fi
	if [[ $cur == -* ]]; then
		_bawn_give "words:${_bawn_options[$path]}" "$cur"
		return
	fi
	_bawn_give "${_bawn_arguments[$path]}" "$cur"
}

complete -F _bawn bawn
