
function __bawn_sessions
	bawn ps --all --json 2>/dev/null | string replace -rf '.*"id":"([^"]*)".*' '$1'
	echo @
end

function __bawn_profiles
	set -l config $XDG_CONFIG_HOME
	test -n "$config"; or set config $HOME/.config
	for f in $config/bawn/profiles/*.yaml
		string replace -r '.*/(.*)\.yaml$' '$1' $f
	end
end

# Exactly these words stand behind bawn: the next verb is wanted.
function __bawn_at
	set -l words (commandline -opc)
	test "$words[2..-1]" = "$argv"
end

# They begin what stands there.
function __bawn_in
	set -l words (commandline -opc)
	set -l last (math (count $argv) + 1)
	test (count $words) -ge $last; and test "$words[2..$last]" = "$argv"
end

# The command and its arguments, behind "--" or behind the verb at once.
function __bawn_command
	set -l words (commandline -opc) (commandline -ct)
	set -l at (contains -i -- -- $words); or set at 2
	set -l rest $words[(math $at + 1)..-1]
	string match -q -- '-*' "$rest[1]"; and return
	complete -C (string join ' ' -- $rest)
end
