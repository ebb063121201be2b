"""The scripts by which shells complete: each asks the program itself, and knows nothing of its commands.

The program has no terminal to read from then: a kubeconfig's plugin that asks for a password would take what is typed.
Bash: https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html; zsh: zshcompsys(1);
fish: https://fishshell.com/docs/current/completions.html; PowerShell: Register-ArgumentCompleter.
"""

from typing import Final

_BASH: Final = r"""# bash completion for @NAME@

_@NAME@_complete() {
    local program=${COMP_WORDS[0]/#\~/$HOME} begun="" line value directive=0 joined=0
    local -a words=() values=() descriptions=()
    # Bash takes a word apart at `=` and `:`; the program wants it whole.
    for line in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
        if ((${#words[@]})) && { [[ $line == [=:] ]] || ((joined)); }; then
            words[${#words[@]}-1]+=$line
        else
            words+=("$line")
        fi
        [[ $line == [=:] ]] && joined=1 || joined=0
    done
    begun=${words[${#words[@]}-1]}
    while IFS= read -r line; do
        if [[ $line =~ ^:([0-9]+)$ ]]; then
            directive=${BASH_REMATCH[1]}
        else
            values+=("${line%%$'\t'*}")
            [[ $line == *$'\t'* ]] && descriptions+=("${line#*$'\t'}") || descriptions+=("")
        fi
    done < <("$program" __complete "${words[@]}" </dev/null 2>/dev/null)
    COMPREPLY=()
    # What stands before `=` or `:` stays on the command line where bash has taken the word apart there.
    local before="" typed=$begun
    if [[ $begun == --*=* ]]; then
        typed=${begun#*=}
        [[ $COMP_WORDBREAKS == *=* ]] || before=${begun%%=*}=
    fi
    local cut=0 at
    if [[ $COMP_WORDBREAKS == *:* && $typed == *:* ]]; then
        value=${typed%"${typed##*:}"}
        cut=${#value}
    fi
    for at in "${!values[@]}"; do
        value=$before${values[at]:cut}
        if [[ $COMP_TYPE == 63 && ${#values[@]} -gt 1 && -n ${descriptions[at]} ]]; then
            value+="  (${descriptions[at]})"
        fi
        COMPREPLY+=("$value")
    done
    if ((directive & 4)); then
        compopt +o default 2>/dev/null
    fi
}

complete -o default -F _@NAME@_complete @NAME@
"""

_ZSH: Final = r"""#compdef @NAME@

_@NAME@() {
    local line value description directive=0
    local -a lines plain described
    lines=("${(@f)$("${(@Q)words[1]}" __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" </dev/null 2>/dev/null)}")
    for line in "${lines[@]}"; do
        if [[ $line == :<-> ]]; then
            directive=${line#:}
            continue
        fi
        value=${line%%$'\t'*}
        [[ -n $value ]] || continue
        described+=("${value//:/\\:}")
        if [[ $line == *$'\t'* ]]; then
            described[-1]+=":${line#*$'\t'}"
        fi
    done
    # The value alone is completed where the flag stands before it.
    if [[ $PREFIX == --*=* ]]; then
        compset -P '*='
    fi
    if ((${#described})); then
        _describe -V '@NAME@' described
    elif ((!(directive & 4))); then
        _files
    fi
}

# Read by `autoload` from $fpath it is to complete at once; read by `source` it is to be known from now on.
if [[ ${funcstack[1]} == _@NAME@ ]]; then
    _@NAME@ "$@"
elif (($+functions[compdef])); then
    compdef _@NAME@ @NAME@
fi
"""

_FISH: Final = r"""# fish completion for @NAME@

function __@NAME@_complete
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    set -l before ''
    if string match -qr -- '^--[^=]+=' $last
        set before (string replace -r -- '=.*' '=' $last)
    end
    set -l files 0
    set -l found 0
    for line in ($words[1] __complete $words[2..-1] "$last" </dev/null 2>/dev/null)
        if string match -qr -- '^:[0-9]+$' $line
            test $line = ':4'; or set files 1
        else
            set found 1
            echo $before$line
        end
    end
    if test $found = 0 -a $files = 1
        __fish_complete_path (string replace -r -- '^--[^=]+=' '' $last)
    end
end

complete -c @NAME@ -e
complete -c @NAME@ -f -k -a '(__@NAME@_complete)'
"""

_POWERSHELL: Final = r"""# PowerShell completion for @NAME@

Register-ArgumentCompleter -Native -CommandName '@NAME@' -ScriptBlock {
    param($begun, $ast, $cursor)
    $words = @($ast.CommandElements | Where-Object { $_.Extent.StartOffset -lt $cursor } | ForEach-Object { "$_" })
    $program, $words = $words
    $words = @($words)
    if ($begun -eq '') {
        # Before 7.3 an empty argument is lost on its way to a program.
        $empty = if ($PSVersionTable.PSVersion -ge [version]'7.3') { '' } else { '""' }
        $words += $empty
    }
    $before = if ($begun -match '^(--[^=]+=)') { $Matches[1] } else { '' }
    & $program __complete @words 2>$null | Where-Object { $_ -notmatch '^:\d+$' } | ForEach-Object {
        $value, $description = $_ -split "`t", 2
        if (-not $description) { $description = $value }
        $kind = [System.Management.Automation.CompletionResultType]::ParameterValue
        [System.Management.Automation.CompletionResult]::new("$before$value", $value, $kind, $description)
    }
}
"""

SCRIPTS: Final = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH, "powershell": _POWERSHELL}


def script(shell: str, program: str) -> str:
    """Return the script of a shell for a program of that name."""
    return SCRIPTS[shell].replace("@NAME@", program)
