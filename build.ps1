# Builds Sequor when its sources have changed, then runs one of its programs, as build.sh does.
# For PowerShell 7 and Windows PowerShell 5.1.

$ErrorActionPreference = 'Stop'
# The exit code of a program is handed on, not made an error.
$PSNativeCommandUseErrorActionPreference = $false

# Follows links to the script itself.
$script = $PSCommandPath
while (($item = Get-Item -LiteralPath $script -Force).LinkType -eq 'SymbolicLink') {
    $target = @($item.Target)[0]
    if (-not [System.IO.Path]::IsPathRooted($target)) {
        $target = Join-Path (Split-Path -Parent $script) $target
    }
    $script = $target
}
$root = (Resolve-Path -LiteralPath (Split-Path -Parent $script)).ProviderPath
$artifacts = Join-Path $root 'artifacts'
$suffix = ''
if ($env:OS -eq 'Windows_NT') {
    $suffix = '.exe'
}

# PowerShell makes an array of 1,2 and a number of 1, and divides -name:value; the programs take text.
$arguments = New-Object 'System.Collections.Generic.List[string]'
$divided = $false
foreach ($argument in $args) {
    $text = $argument -join ','
    if ($divided) {
        $arguments[$arguments.Count - 1] += $text
    }
    else {
        $arguments.Add($text)
    }
    $divided = -not $divided -and $text -match '^-[A-Za-z][^:]*:$'
}
$arguments = $arguments.ToArray()
$verb = 'help'
$rest = @()
if ($arguments.Count -gt 0) {
    $verb = $arguments[0]
}
if ($arguments.Count -gt 1) {
    $rest = @($arguments[1..($arguments.Count - 1)])
}
# A -- between verb and arguments, as after `dotnet run`, is none of them.
if ($rest.Count -gt 0 -and $rest[0] -eq '--') {
    $rest = @($rest | Select-Object -Skip 1)
}

# MSBuild takes every variable of the environment as a property, in whatever case. These would build something else, or
# elsewhere, or with files from elsewhere. build.sh has the same list.
$redirecting = @(
    # Where outputs go, and how they are called.
    'OutDir', 'OutputPath', 'BaseOutputPath', 'IntermediateOutputPath', 'BaseIntermediateOutputPath',
    'MSBuildProjectExtensionsPath', 'ArtifactsPath', 'ArtifactsPivots', 'ArtifactsProjectName',
    'Artifacts*OutputName', 'UseArtifactsOutput', 'UseArtifactsIntermediateOutput',
    'AppendTargetFrameworkToOutputPath', 'AppendRuntimeIdentifierToOutputPath', 'PublishDir',
    'PackageOutputPath', 'TargetDir', 'TargetPath', 'TargetName', 'TargetExt', 'AssemblyName', 'RootNamespace'
    # Which other files are read.
    'CustomBefore*', 'CustomAfter*', 'DirectoryBuild*Path', 'DirectoryPackagesPropsPath',
    'DirectorySolution*Path', 'ImportDirectory*', 'ImportProjectExtension*', 'ImportByWildcard*',
    'BeforeTargetFrameworkInferenceTargets', 'AlternateCommonProps', 'MSBuildExtensionsPath*',
    'MSBuildUserExtensionsPath', 'MSBuildSDKsPath', 'CodeAnalysisRuleSet', 'ReferencePath',
    'AssemblySearchPaths', 'HintPath', 'AdditionalLibPaths', 'EnableDefault*Items'
    # Which packages there are.
    'RestorePackages*', 'RestoreSources', 'RestoreAdditionalProject*', 'RestoreConfigFile',
    'RestoreFallbackFolders', 'RestoreLockedMode', 'RestoreForceEvaluate', 'RestoreEnablePackagePruning',
    'RestoreOutputPath', 'RestoreUse*', 'NuGetLockFilePath', 'NuGetAudit*', 'CentralPackage*',
    'ManagePackageVersionsCentrally'
    # What is built, and how.
    'Configuration', 'Platform', 'PlatformTarget', 'TargetFramework', 'TargetFrameworks', 'RuntimeIdentifier',
    'RuntimeIdentifiers', 'SelfContained', 'OutputType', 'StartupObject', 'UseAppHost', 'Version',
    'VersionPrefix', 'VersionSuffix', 'AssemblyVersion', 'FileVersion', 'InformationalVersion',
    'PackageVersion', 'Company', 'Description', 'Title', 'Optimize', 'DebugSymbols', 'DebugType', 'PathMap',
    'DefineConstants', 'CheckForOverflowUnderflow', 'AllowUnsafeBlocks', 'LangVersion', 'NoWarn',
    'WarningLevel', 'WarningsAsErrors', 'WarningsNotAsErrors', 'TreatWarningsAsErrors', 'RunAnalyzers*',
    'AnalysisLevel', 'AnalysisMode', 'EnforceCodeStyleInBuild', 'EnableNETAnalyzers', 'EnableSourceLink',
    'EnableSourceControlManagerQueries', 'GenerateAssemblyInfo', 'GenerateDocumentationFile',
    'GenerateDependencyFile', 'GenerateRuntimeConfigurationFiles', 'GenerateTargetFrameworkAttribute',
    'ProduceReferenceAssembly', 'PublishAot', 'PublishTrimmed', 'PublishSingleFile', 'PublishReadyToRun',
    'Ilc*', 'OptimizationPreference', 'StripSymbols', 'NativeDebugSymbols',
    'DisableImplicit*', 'CscToolPath', 'CscToolExe', 'UseSharedCompilation', 'Deterministic',
    'DeterministicSourcePaths', 'ContinuousIntegrationBuild', 'EmbedAllSources', 'SourceRevisionId',
    'RepositoryUrl', 'SourcesFolder', 'GitHere', 'GitSources'
    # What is packed, and how.
    'IsPackable', 'Package*', 'PackAs*', 'Packing', '_IsPacking', 'ToolCommandName', 'LastRelease',
    'EnablePackageValidation', 'IncludeSymbols', 'IncludeSource', 'IncludeBuildOutput', 'Nuspec*',
    'Repository*', 'Authors', 'Copyright', 'DeterministicTimestamp', 'WriteApi'
    # What is written into runtimeconfig.json.
    'TieredCompilation*', 'TieredPGO', 'ServerGarbageCollection', 'ConcurrentGarbageCollection',
    'RetainVMGarbageCollection', 'InvariantGlobalization', 'RollForward', 'SatelliteResourceLanguages'
)

$usage = @'
Usage: ./build.ps1 VERB [ARGUMENTS]

  build             builds everything that has changed
  test [--all] ...  runs the tests, the long ones too with --all;
                    further arguments go to the test programs
  test --no-virtual-gpu
                    leaves out the tests of the virtual GPU itself
  test --update-counts
                    counts what training steps do on the virtual GPU, and writes
                    Tests/Backends/Cuda/step-counts.txt anew
  test --update-ptxas
                    writes Tests/VirtualGpu/Ptxas/ptxas.txt anew, what a ptxas
                    (SEQUOR_PTXAS, or that of PATH) makes of the kernels
  bench --peers LIST ...
                    measures Sequor beside other libraries, of torch, torchsharp, onnx
                    and jax; needs Python 3, and builds the programs of torchsharp and
                    onnx, whose packages are large
  counts ...        counts what a training step does on the virtual GPU, and the
                    least time that a GPU needs for it; counts --help tells more
  gate [--update]   counts what training steps do, and fails where a count is more than
                    Benchmarks/Baselines has; --update records that anew
  suites ...        runs the BenchmarkDotNet suites; arguments go to BenchmarkDotNet
  replay [FILE] ... launches recorded kernels on the GPU, else on the virtual one, and
                    compares what they leave; replay --help has its options
  first-contact FOLDER ...
                    tries on a GPU whatever was only tried on the virtual one, or makes a
                    dry run on that; a page of text and a JSON are left in the folder
  bundle            packs the tests, the benchmarks and the .NET runtime into one
                    archive, for Linux machines without an SDK; made on Linux only
  publish           makes sequor and the C library of machine code, which need no .NET,
                    in artifacts/publish; needs a C compiler to link with
  publish --instructions SET
                    for processors that have SET (x86-64-v4, native), not x86-64-v3
  publish --no-v4   without the second C library, for x86-64-v4, which the system's loader
                    takes on processors that have AVX-512; half of the C library's time
  pack              makes the NuGet packages and the tool package in artifacts/package;
                    their version is that of the commit, and tells changed sources
  api               lists anew what is public, in the PublicAPI.Unshipped.txt of projects
  docs              makes the site of the documents and of the API, in artifacts/docs;
                    it is read without a network
  format            formats all sources
  format --check    fails if a source is not formatted
  kernels           makes the PTX in Native/Kernels/Ptx from the sources;
                    needs clang 19 (SEQUOR_CLANG, or clang-19), and no CUDA
  clean             removes what builds made
  help              prints this text

Every other verb, such as bench, profile, train, reproduce, doctor or --version,
goes with its arguments to the sequor command; ./build.ps1 --help lists what that
can do. All of them build first if a source has changed.

SEQUOR_CONFIGURATION sets the configuration to build and run (Release).
'@

function Write-Side([string] $text) {
    # Where standard error is closed, the exit code has to do.
    try {
        [Console]::Error.WriteLine($text)
    }
    catch {
        return
    }
}

function Stop-Script([string] $text, [int] $code = 1) {
    Write-Side $text
    exit $code
}

# Runs a program with these arguments as they are; sets $LASTEXITCODE. In variables, PowerShell replaces * by the names of
# files where it runs on Unix; in quotes it does not.
function Invoke-Program([string] $program, [string[]] $options) {
    $words = @(foreach ($word in @($program) + $options) {
        "'" + [System.Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent($word) + "'"
    })
    & ([scriptblock]::Create('& ' + ($words -join ' ')))
}

# What a program prints when it runs in the root, as lines, with what it writes to stderr; sets $LASTEXITCODE.
function Get-AllOutput([string] $program, [string[]] $options) {
    # Windows PowerShell makes errors of lines that a program writes to stderr.
    $ErrorActionPreference = 'Continue'
    Push-Location -LiteralPath $root
    try {
        Invoke-Program $program $options 2>&1 | ForEach-Object { "$_" }
    }
    finally {
        Pop-Location
    }
}

# Without what it writes to stderr.
function Get-Output([string] $program, [string[]] $options) {
    $ErrorActionPreference = 'Continue'
    Push-Location -LiteralPath $root
    try {
        Invoke-Program $program $options 2>$null
    }
    finally {
        Pop-Location
    }
}

# --- The SDK -----------------------------------------------------------------

# The path of a dotnet whose SDK suits. The one in $trusted passes unasked: it did the last build.
function Find-Dotnet([string] $trusted) {
    $name = "dotnet$suffix"
    $file = Join-Path $root 'global.json'
    $needed = ''
    if ((Test-Path -LiteralPath $file) -and
        [System.IO.File]::ReadAllText($file) -match '"version" *: *"([0-9]+\.[0-9]+\.[0-9]+)"') {
        $needed = $Matches[1]
    }
    if (-not $needed) {
        Stop-Script ("$file has no SDK version such as `"10.0.100`" in it;" +
            ' git checkout global.json restores it.')
    }
    $candidates = @()
    if ($env:DOTNET_ROOT) {
        $candidates += Join-Path $env:DOTNET_ROOT $name
    }
    $onPath = @(Get-Command $name -CommandType Application -ErrorAction SilentlyContinue)
    if ($onPath.Count -gt 0) {
        $candidates += $onPath[0].Path
    }
    if ($HOME) {
        $candidates += Join-Path (Join-Path $HOME '.dotnet') $name
    }

    $seen = @()
    foreach ($candidate in $candidates) {
        if (-not (Test-Path -LiteralPath $candidate -PathType Leaf)) {
            continue
        }
        if ($candidate -ceq $trusted) {
            return $candidate
        }
        # dotnet itself applies global.json, and fails where no SDK satisfies it.
        $lines = @(Get-Output $candidate '--version')
        if ($LASTEXITCODE -eq 0 -and $lines.Count -gt 0 -and $lines[-1] -match '^\d+\.\d+\.\d+') {
            $version = $lines[-1]
            if ([version] $Matches[0] -ge [version] $needed) {
                return $candidate
            }
        }
        else {
            $version = 'no SDK'
            $lines = @(Get-Output $candidate '--list-sdks')
            if ($lines.Count -gt 0) {
                $version = ($lines[-1] -split ' ')[0]
            }
        }
        $refusal = ''
        if ($version -match '^\d+\.\d+\.\d+' -and [version] $Matches[0] -ge [version] $needed) {
            # It is new enough, so the reason is another one, which dotnet knows.
            Get-AllOutput $candidate '--version' | ForEach-Object { Write-Side $_ }
            $refusal = ', which fails as above'
        }
        $seen += "$version at $candidate$refusal"
    }

    $what = 'no dotnet on PATH, in DOTNET_ROOT or in ~/.dotnet'
    if ($seen.Count -gt 0) {
        $what = $seen -join ' and '
    }
    Stop-Script ("Sequor needs the .NET 10 SDK, $needed or newer, but found $what;" +
        ' get it from https://dotnet.microsoft.com/download')
}

# Lets the programs that are started find this dotnet.
function Use-Dotnet([string] $dotnet) {
    $script:dotnet = $dotnet
    $folder = Split-Path -Parent $dotnet
    $runtime = $folder
    if (-not (Test-Path -LiteralPath (Join-Path (Join-Path $folder 'host') 'fxr'))) {
        # A link, or a wrapper script as some package managers install.
        $runtime = ''
        $lines = @(Get-Output $dotnet '--list-sdks')
        if ($lines.Count -gt 0 -and $lines[-1] -match '\[(.*)\]') {
            $runtime = Split-Path -Parent $Matches[1]
        }
    }
    if ($runtime) {
        $env:DOTNET_ROOT = $runtime
    }
    # BenchmarkDotNet runs dotnet by its name.
    if (($env:PATH -split [System.IO.Path]::PathSeparator) -notcontains $folder) {
        $env:PATH = $folder + [System.IO.Path]::PathSeparator + $env:PATH
    }
}

# --- The build ---------------------------------------------------------------

# Every file that a build may read.
function Get-Source {
    foreach ($file in (New-Object System.IO.DirectoryInfo $root).GetFiles()) {
        if ($file.Name -match '\.(slnx|props|targets|rsp)$' -or
            $file.Name -match '^(\.editorconfig|\.globalconfig|global\.json|nuget\.config)$') {
            $file
        }
    }
    $skipped = 'bin', 'obj', 'artifacts', 'TestResults', 'BenchmarkDotNet.Artifacts', '__pycache__'
    $pending = New-Object 'System.Collections.Generic.Stack[System.IO.DirectoryInfo]'
    foreach ($name in 'Benchmarks', 'Layers', 'Tests', 'Native', 'Interop', 'docs/examples') {
        $path = Join-Path $root $name
        if (Test-Path -LiteralPath $path -PathType Container) {
            $pending.Push((New-Object System.IO.DirectoryInfo $path))
        }
    }
    while ($pending.Count -gt 0) {
        $folder = $pending.Pop()
        foreach ($file in $folder.GetFiles()) {
            # Data files can be embedded by any name; only documents and hidden files do not count.
            if ($file.Name -eq '.editorconfig' -or $file.Name -eq '.globalconfig' -or
                $file.Name -notmatch '^\.|~$|\.md$') {
                $file
            }
        }
        foreach ($child in $folder.GetDirectories()) {
            if ($child.Name -notlike '.*' -and $skipped -notcontains $child.Name) {
                $pending.Push($child)
            }
        }
    }
}

# The names of the sources, as one text.
function Get-SourceList([object[]] $files) {
    $names = [string[]] @(foreach ($file in $files) { $file.FullName })
    [array]::Sort($names, [StringComparer]::Ordinal)
    $names -join "`n"
}

# Programs tell the commit that they were built from. What else could change it is a source that is newer.
function Get-Commit {
    $commit = ''
    if (Get-Command git -CommandType Application -ErrorAction SilentlyContinue) {
        $lines = @(Get-Output 'git' "--git-dir=$(Join-Path $root '.git')", 'rev-parse', '--verify', 'HEAD')
        if ($LASTEXITCODE -eq 0 -and $lines.Count -gt 0) {
            $commit = $lines[0]
        }
    }
    return $commit
}

function Test-UpToDate {
    foreach ($path in @($stamp, $tool, $suites, $counts, $replay, $contact, $site, $toolLibrary, $suitesLibrary, $countsLibrary, $replayLibrary, $contactLibrary, $siteLibrary) + $tests + $testsLibraries) {
        if (-not (Test-Path -LiteralPath $path -PathType Leaf)) {
            return $false
        }
    }
    $built = [System.IO.File]::GetLastWriteTimeUtc($stamp)
    $files = @(Get-Source)
    foreach ($file in $files) {
        if ($file.LastWriteTimeUtc -ge $built) {
            return $false
        }
    }
    # A deleted or renamed source is newer than nothing, but changes the list.
    $recorded = [System.IO.File]::ReadAllText($stamp).Split([char[]] "`n", 3)
    return $recorded.Count -eq 3 -and $recorded[1] -ceq (Get-Commit) -and
        $recorded[2] -ceq (Get-SourceList $files)
}

# Holds the lock file while this process lives, or until the result is disposed of.
function Enter-Lock {
    [void] (New-Item -ItemType Directory -Force $artifacts)
    $path = Join-Path $artifacts '.lock'
    $said = $false
    while ($true) {
        try {
            return [System.IO.File]::Open($path, 'OpenOrCreate', 'ReadWrite', 'None')
        }
        catch {
            if (-not $said) {
                Write-Side 'Waiting for another build ...'
                $said = $true
            }
            Start-Sleep -Milliseconds 200
        }
    }
}

function Invoke-Compile([string] $dotnet) {
    if (Test-UpToDate) {
        return # another process has just built
    }
    Write-Side 'Building Sequor ...'
    if (Test-Path -LiteralPath $stamp) {
        # Names with a dot are hidden on Linux, and not removed without force.
        Remove-Item -Force -LiteralPath $stamp
    }
    # The stamp's time is the build's begin, so that a file saved during the build is newer;
    # the clock of the file system can be some milliseconds behind.
    $begun = [DateTime]::UtcNow.AddMilliseconds(-20)
    $list = (Get-Commit) + "`n" + (Get-SourceList @(Get-Source))
    # No servers, which would go on running beside a benchmark. `dotnet build` prints errors twice.
    $options = @('msbuild', 'Sequor.slnx', '-restore', "-p:Configuration=$configuration", '-nologo',
        '-verbosity:quiet', '-tl:off', '-nodeReuse:false', '-p:UseSharedCompilation=false')
    $output = @(Get-AllOutput $dotnet $options)
    $code = $LASTEXITCODE
    if ($code -ne 0) {
        foreach ($line in $output) {
            Write-Side $line
        }
        Stop-Script 'The build failed.' $code
    }
    [System.IO.File]::WriteAllText($stamp, "$dotnet`n$list")
    [System.IO.File]::SetLastWriteTimeUtc($stamp, $begun)
}

function Invoke-Build {
    if (Test-UpToDate) {
        Use-Dotnet (Find-Dotnet ([System.IO.File]::ReadAllLines($stamp)[0]))
        return
    }
    $dotnet = Find-Dotnet ''
    Use-Dotnet $dotnet
    $lock = Enter-Lock
    try {
        Invoke-Compile $dotnet
    }
    finally {
        $lock.Dispose()
    }
}

function Remove-Output {
    $lock = Enter-Lock
    try {
        foreach ($name in 'bin', 'obj', 'pack', 'api', 'package', 'publish*', 'bundle', 'docs', '.built-*', '.build-*.log',
            '.test-output.*') {
            # Names with a dot are hidden on Linux, and not found without force.
            Get-ChildItem -Force -LiteralPath $artifacts -Filter $name |
                Remove-Item -Recurse -Force
        }
    }
    finally {
        $lock.Dispose()
    }
}

# --- The verbs ---------------------------------------------------------------

# The arguments for the test programs. Sets $handed if some of them are not ours, $least to the tests that there have to be, and
# $programs to how many of the programs are to run.
function Get-TestArgument([string[]] $given) {
    $script:handed = $false
    $script:least = '1'
    $script:programs = 4
    $all = $false
    $update = ''
    $filter = ''
    for ($i = 0; $i -lt $given.Count; $i++) {
        $argument = $given[$i]
        if ($argument -ceq '--all') {
            $all = $true
        }
        elseif ('--update-counts', '--update-ptxas' -ccontains $argument) {
            $update = $argument
        }
        elseif ($argument -ceq '--no-virtual-gpu') {
            $script:programs = 3
        }
        elseif ($argument -cmatch '^--filter[=:]') {
            $filter = $argument.Substring(9)
        }
        elseif ($argument -ceq '--filter') {
            $i++
            if ($i -ge $given.Count) {
                Stop-Script 'test: --filter needs an expression.' 2
            }
            $filter = $given[$i]
        }
        else {
            $script:handed = $true
            if ($argument -cmatch '^--?minimum-expected-tests') {
                $script:least = ''
            }
            $argument
        }
    }
    if ($update) {
        if ($filter) {
            Stop-Script "test: $update takes no --filter: it runs the tests that write its file." 2
        }
        if ($update -ceq '--update-counts') {
            $filter = 'FullyQualifiedName~StepCountTests'
            $env:SEQUOR_UPDATE_COUNTS = [IO.Path]::Combine($root, 'Tests', 'Backends', 'Cuda', 'step-counts.txt')
        }
        else {
            $filter = 'FullyQualifiedName~PtxasTests'
            $env:SEQUOR_UPDATE_PTXAS = [IO.Path]::Combine($root, 'Tests', 'VirtualGpu', 'Ptxas', 'ptxas.txt')
        }
    }
    # The platform takes no more than one filter.
    if (-not $all) {
        if ($filter) {
            $filter = "($filter)&TestCategory!=Long"
        }
        else {
            $filter = 'TestCategory!=Long'
        }
    }
    if ($filter) {
        '--filter'
        $filter
    }
    # A filter may leave nothing of a program, but not of all.
    '--ignore-exit-code'
    '8'
    if ($script:least) {
        '--minimum-expected-tests'
        $script:least
    }
}

# One plain line from the summary in the output; none if its numbers do not add up.
function Get-TestCount([string[]] $lines) {
    $numbers = $null
    foreach ($line in $lines) {
        $plain = $line -replace "$([char] 27)\[[0-9;]*m", ''
        if ($plain -cmatch '^Test run summary:') {
            $numbers = @{}
        }
        elseif ($null -ne $numbers -and
            $plain -cmatch '^ *(total|succeeded|failed|skipped): *([0-9]+) *$') {
            $numbers[$Matches[1]] = [int] $Matches[2]
        }
    }
    if ($null -ne $numbers -and $numbers.Count -eq 4 -and
        $numbers['total'] -eq $numbers['succeeded'] + $numbers['failed'] + $numbers['skipped']) {
        'Tests: {0} passed, {1} failed, {2} skipped' -f `
            $numbers['succeeded'], $numbers['failed'], $numbers['skipped']
    }
}

# Runs dotnet without servers, which would go on running; messages only where something is wrong. Sets $LASTEXITCODE.
function Invoke-Quietly([string[]] $options) {
    $output = @(Get-AllOutput $script:dotnet ($options + @('-nologo', '-verbosity:quiet', '-tl:off',
        '-nodeReuse:false', '-p:UseSharedCompilation=false')))
    if ($LASTEXITCODE -ne 0) {
        foreach ($line in $output) {
            Write-Side $line
        }
    }
}

# Packs, as build.sh does, which says why each step is as it is.
function Invoke-Pack {
    Use-Dotnet (Find-Dotnet '')
    $lock = Enter-Lock
    try {
        $folder = Join-Path $artifacts 'package'
        if (Test-Path -LiteralPath $folder) {
            Remove-Item -LiteralPath $folder -Recurse -Force
        }
        Write-Side 'Packing Sequor ...'
        Invoke-Quietly 'pack', 'Sequor.slnx', "-p:Configuration=$configuration"
        if ($LASTEXITCODE -ne 0) {
            Stop-Script 'The packages were not made.'
        }
        $packages = @()
        if (Test-Path -LiteralPath $folder) {
            $packages = @(Get-ChildItem -LiteralPath $folder -Filter '*.nupkg' | ForEach-Object { $_.FullName })
        }
        if ($packages.Count -eq 0) {
            Stop-Script 'There was nothing to pack.'
        }
        $packages
    }
    finally {
        $lock.Dispose()
    }
}

# Lists what is public, as build.sh does.
function Update-Api {
    Use-Dotnet (Find-Dotnet '')
    $lock = Enter-Lock
    try {
        $folder = Join-Path $artifacts 'api'
        if (Test-Path -LiteralPath $folder) {
            Remove-Item -LiteralPath $folder -Recurse -Force
        }
        $lists = @(Get-ChildItem -LiteralPath $root -Directory | ForEach-Object {
            Join-Path $_.FullName 'PublicAPI.Unshipped.txt'
        } | Where-Object { Test-Path -LiteralPath $_ })
        if ($lists.Count -eq 0) {
            Stop-Script 'No project has a PublicAPI.Unshipped.txt.'
        }
        foreach ($list in $lists) {
            foreach ($project in @(Get-ChildItem -LiteralPath (Split-Path -Parent $list) -Filter '*.csproj')) {
                Invoke-Quietly 'build', $project.FullName, '-p:WriteApi=true', "-p:Configuration=$configuration"
                if ($LASTEXITCODE -ne 0) {
                    Stop-Script "$($project.FullName) was not built, and $list is as it was."
                }
                $log = Join-Path $folder "$($project.BaseName).sarif"
                if (-not (Test-Path -LiteralPath $log)) {
                    Stop-Script "$($project.FullName) has no PublicApiAnalyzers that write $log."
                }
                $seen = New-Object 'System.Collections.Generic.HashSet[string]' ([StringComparer]::Ordinal)
                foreach ($line in [IO.File]::ReadAllLines($log)) {
                    if ($line -cmatch '^ *"APIName": "(.*)",?$') {
                        [void] $seen.Add($Matches[1].Replace('\"', '"').Replace('\\', '\'))
                    }
                }
                if ($seen.Count -eq 0) {
                    Stop-Script "Nothing public was found in $($project.FullName), and $list is as it was."
                }
                $names = [string[]] @($seen)
                [Array]::Sort($names, [StringComparer]::Ordinal)
                $text = (@('#nullable enable') + $names) -join "`n"
                [IO.File]::WriteAllText($list, "$text`n")
                "$($list.Substring($root.Length + 1).Replace('\', '/')): $($names.Count)"
            }
        }
    }
    finally {
        $lock.Dispose()
    }
}

# Makes the PTX, as build.sh does, which says why each step is as it is.
function Update-Kernel {
    $compiler = 'clang-19'
    if ($env:SEQUOR_CLANG) {
        $compiler = $env:SEQUOR_CLANG
    }
    if (-not (Get-Command $compiler -CommandType Application -ErrorAction SilentlyContinue)) {
        Stop-Script "kernels needs clang 19, and found no '$compiler'; SEQUOR_CLANG can name it."
    }
    $version = ''
    if ((& $compiler --version | Out-String) -match 'clang version ([0-9.]+)') {
        $version = $Matches[1]
    }
    if (-not $version.StartsWith('19.')) {
        Stop-Script ("kernels needs clang 19; $compiler is '$version'." +
            ' SEQUOR_CLANG can name another.')
    }
    $folder = Join-Path (Join-Path $root 'Native') 'Kernels'
    $images = Join-Path $folder 'Ptx'
    Set-Location $folder
    $made = [IO.Path]::GetTempFileName()
    $sha = [Security.Cryptography.SHA256]::Create()
    try {
        $headers = [string[]]@(Get-ChildItem -Filter '*.cuh' | ForEach-Object { $_.Name })
        [Array]::Sort($headers, [StringComparer]::Ordinal)
        foreach ($file in @(Get-ChildItem -Filter '*.cu' | Where-Object { $_.Extension -ceq '.cu' })) {
            $source = $file.Name
            & $compiler -x cuda --cuda-device-only -nocudainc -nocudalib --cuda-gpu-arch=sm_75 `
                --cuda-feature=+ptx78 -std=c++17 -O3 -fno-unroll-loops -ffp-contract=off `
                -gline-tables-only '-fdebug-compilation-dir=Native/Kernels' `
                "-ffile-prefix-map=$folder=Native/Kernels" `
                -Wall -Wextra -Werror -S -o $made $source
            if ($LASTEXITCODE -ne 0) {
                Stop-Script "$source was not compiled."
            }
            $ptx = [IO.File]::ReadAllText($made).Replace("`r`n", "`n")
            if ($ptx -match '\.extern (?!\.shared )') {
                Stop-Script "$source uses functions that are not in it."
            }
            $bytes = [byte[]]@(foreach ($name in $headers + $source) {
                [IO.File]::ReadAllBytes((Join-Path $folder $name))
            })
            $digest = -join ($sha.ComputeHash($bytes) | ForEach-Object { $_.ToString('x2') })
            $lines = foreach ($line in $ptx.TrimEnd("`n").Split("`n")) {
                if ($line -cmatch '^\s*\.file') {
                    $line.Replace('\\', '/').Replace('/./', '/')
                }
                elseif ($line -cnotmatch '^\$L__(tmp|func_begin|func_end)[0-9]+:$' -and
                    $line -cnotmatch '^\s*\.section\s+\.debug_loc\s*\{\s*\}$') {
                    $line -creplace '^(\s*\.loc\s[0-9 ]+[0-9])\s*//.*$', '$1'
                }
            }
            $head = "// Made by ./build.sh kernels from $source and the headers beside it: $digest"
            $text = (@($head, "// clang $version") + $lines) -join "`n"
            [IO.File]::WriteAllText((Join-Path $images ($file.BaseName + '.ptx')), "$text`n")
        }
        foreach ($file in @(Get-ChildItem -LiteralPath $images -Filter '*.ptx')) {
            if (-not (Test-Path -LiteralPath ($file.BaseName + '.cu'))) {
                Remove-Item -LiteralPath $file.FullName
            }
        }
    }
    finally {
        $sha.Dispose()
        Remove-Item -LiteralPath $made
    }
}

# What the AOT compiler links with; a folder for what is tried. On Windows the compiler finds Visual Studio's itself.
function Confirm-Linker([string] $folder) {
    if ($suffix) {
        return
    }
    if ([System.Runtime.InteropServices.RuntimeInformation]::IsOSPlatform(
            [System.Runtime.InteropServices.OSPlatform]::OSX)) {
        Get-Output 'xcrun' '--find', 'clang' | Out-Null
        if ($LASTEXITCODE -ne 0) {
            Stop-Script ("publish needs Apple's command line tools to link with;" +
                ' xcode-select --install gets them.')
        }
        return
    }
    # In the order in which the compiler's own targets look for them.
    $found = @(Get-Command 'clang', 'gcc' -CommandType Application -ErrorAction SilentlyContinue)
    if ($found.Count -eq 0) {
        Stop-Script ('publish needs clang or gcc to link with, and found neither on PATH;' +
            ' on Debian and Ubuntu: apt-get install gcc libc6-dev')
    }
    $linker = $found[0].Path
    $probe = Join-Path $folder 'probe'
    [System.IO.File]::WriteAllText("$probe.c", "int main(void) { return 0; }`n")
    $output = @(Get-AllOutput $linker "$probe.c", '-o', $probe)
    if ($LASTEXITCODE -ne 0) {
        Write-Side "publish: $linker makes no program:"
        foreach ($line in $output) {
            Write-Side $line
        }
        Stop-Script ("It may be without the C library's headers and objects;" +
            ' on Debian and Ubuntu: apt-get install libc6-dev')
    }
    Get-ChildItem -LiteralPath $folder -Filter 'probe*' | Remove-Item
    # With clang its own is looked for first.
    $copiers = @('objcopy')
    if ((Split-Path -Leaf $linker) -ceq 'clang') {
        $copiers = 'llvm-objcopy', 'objcopy'
    }
    if (@(Get-Command $copiers -CommandType Application -ErrorAction SilentlyContinue).Count -eq 0) {
        Stop-Script ('publish needs objcopy to take debugging symbols apart, and found none on PATH;' +
            ' on Debian and Ubuntu: apt-get install binutils')
    }
}

# Publishes a project for a system to a folder, with further properties.
function Publish-Project([string] $project, [string] $rid, [string] $outputs, [string] $folder, [string[]] $more) {
    # Outputs of its own: what the other verbs run stays as it is.
    $options = @('publish', $project, '--configuration', 'Release', '--runtime', $rid,
        '--artifacts-path', $outputs, '--output', $folder, '-p:PublishAot=true') + $more + @('-nologo',
        '-verbosity:quiet', '-tl:off', '-nodeReuse:false', '-p:UseSharedCompilation=false')
    $output = @(Get-AllOutput $dotnet $options)
    if ($LASTEXITCODE -eq 0) {
        return
    }
    foreach ($line in $output) {
        Write-Side $line
    }
    if (@($output -cmatch 'NU1(101|102|103|301).*ILCompiler').Count -gt 0) {
        Write-Side ('The AOT compiler is not there: it is the packages Microsoft.DotNet.ILCompiler and' +
            " runtime.$rid.Microsoft.DotNet.ILCompiler, which a source of packages (dotnet nuget list source) must have.")
    }
    if ($suffix) {
        Write-Side ('It links with the tools of Visual Studio: of its installer the workload' +
            ' "Desktop development with C++".')
    }
    $name = ($project -split '/')[-1]
    Stop-Script "publish: $name was not made, and $(Join-Path $artifacts 'publish') is as it was."
}

# The folder takes the place of the one before when all is in it.
function Publish-Program([string] $instructions, [bool] $single) {
    $rid = "$(@(Get-Output $dotnet 'msbuild', 'Benchmarks/Tool/Sequor.Tool.csproj', '-nologo',
        '-getProperty:NETCoreSdkPortableRuntimeIdentifier')[-1])".Trim()
    if ($LASTEXITCODE -ne 0 -or $rid -cnotmatch '^[a-z0-9.-]+$') {
        Stop-Script "publish: $dotnet does not say which system it is for."
    }
    $made = Join-Path $artifacts 'publish.new'
    $place = Join-Path $artifacts 'publish'
    $named = 'publish'
    $for = $rid
    $more = @()
    if ($instructions) {
        $named = "publish-$instructions"
        $for = "$rid, $instructions"
        $more = @("-p:IlcInstructionSet=$instructions")
    }
    $outputs = Join-Path (Join-Path $artifacts 'obj') $named
    $folder = Join-Path $outputs 'out'
    foreach ($path in $made, $folder) {
        if (Test-Path -LiteralPath $path) {
            Remove-Item -LiteralPath $path -Recurse -Force
        }
    }
    $more4 = [IO.Path]::Combine('glibc-hwcaps', 'x86-64-v4')
    $symbols = Join-Path $made 'symbols'
    New-Item -ItemType Directory -Path $symbols | Out-Null
    try {
        Confirm-Linker $made
        Write-Side "Publishing for $for ..."
        Publish-Project 'Benchmarks/Tool/Sequor.Tool.csproj' $rid $outputs $folder $more
        $names = @("sequor$suffix")
        if (Test-Path -LiteralPath ([IO.Path]::Combine($root, 'Layers', 'C', 'Sequor.C.csproj'))) {
            Publish-Project 'Layers/C/Sequor.C.csproj' $rid $outputs $folder $more
            $names += 'libsequor.so', 'libsequor.dylib', 'libsequor.dll', 'libsequor.lib', 'sequor.h', 'sequor.py'
        }
        foreach ($name in $names) {
            $path = Join-Path $folder $name
            if (Test-Path -LiteralPath $path) {
                Move-Item -LiteralPath $path -Destination $made
            }
        }
        foreach ($item in @(Get-ChildItem -LiteralPath $folder |
            Where-Object { $_.Name -cmatch '(\.dbg|\.dSYM|equor\.pdb)$' })) {
            Move-Item -LiteralPath $item.FullName -Destination $symbols
        }
        # glibc's loader looks there on processors with AVX-512, in each folder that it finds libraries in by name.
        if ($names.Count -gt 1 -and $rid -ceq 'linux-x64' -and -not $instructions -and -not $single) {
            $second = Join-Path $folder 'v4'
            Publish-Project 'Layers/C/Sequor.C.csproj' $rid $outputs $second @('-p:IlcInstructionSet=x86-64-v4')
            $place4 = Join-Path $made $more4
            $symbols4 = Join-Path $symbols $more4
            foreach ($path in $place4, $symbols4) {
                New-Item -ItemType Directory -Path $path | Out-Null
            }
            Move-Item -LiteralPath (Join-Path $second 'libsequor.so') -Destination $place4
            foreach ($item in @(Get-ChildItem -LiteralPath $second | Where-Object { $_.Name -clike '*.dbg' })) {
                Move-Item -LiteralPath $item.FullName -Destination $symbols4
            }
        }
        Copy-Item -LiteralPath (Join-Path $root 'LICENSE') -Destination $made
        $licence = [IO.Path]::Combine($root, 'Benchmarks', 'Workloads', 'Charts', 'uPlot', 'LICENSE')
        Invoke-Program $notices (Join-Path $made 'THIRD-PARTY-NOTICES.txt'), $env:DOTNET_ROOT,
            (Join-Path $outputs 'bin'), (Join-Path $outputs 'obj'), "uPlot=$licence"
        if ($LASTEXITCODE -ne 0) {
            Stop-Script 'publish: the notices could not be written.'
        }
        if (Test-Path -LiteralPath $place) {
            Remove-Item -LiteralPath $place -Recurse -Force
        }
        Move-Item -LiteralPath $made -Destination $place
    }
    finally {
        if (Test-Path -LiteralPath $made) {
            Remove-Item -LiteralPath $made -Recurse -Force
        }
    }
}

# A script shares its session's directory and variables; both are put back at the end.
$where = Get-Location
$variables = @('DOTNET_CLI_TELEMETRY_OPTOUT', 'DOTNET_NOLOGO', 'TESTINGPLATFORM_TELEMETRY_OPTOUT',
    'DOTNET_ROOT', 'PATH', 'SEQUOR_UPDATE_COUNTS', 'SEQUOR_UPDATE_PTXAS')
$pattern = '^(' + ($redirecting -join '|').Replace('*', '.*') + ')$'
$unset = @(@([Environment]::GetEnvironmentVariables().Keys) -match $pattern)
$variables += $unset
$before = @{}
foreach ($name in $variables) {
    $before[$name] = [Environment]::GetEnvironmentVariable($name)
}
try {
    foreach ($name in $unset) {
        [Environment]::SetEnvironmentVariable($name, $null)
    }
    $env:DOTNET_CLI_TELEMETRY_OPTOUT = '1'
    $env:DOTNET_NOLOGO = '1'
    $env:TESTINGPLATFORM_TELEMETRY_OPTOUT = '1'

    $configuration = 'Release'
    if ($env:SEQUOR_CONFIGURATION) {
        $configuration = $env:SEQUOR_CONFIGURATION
    }
    if ($configuration -notmatch '^[A-Za-z0-9]+$') {
        Stop-Script "SEQUOR_CONFIGURATION is '$configuration', which is no configuration." 2
    }
    $pivot = $configuration.ToLowerInvariant()
    $stamp = Join-Path $artifacts ".built-$pivot"
    $bin = Join-Path $artifacts 'bin'
    $toolFolder = Join-Path (Join-Path $bin 'Sequor.Tool') $pivot
    $suitesFolder = Join-Path (Join-Path $bin 'Sequor.Suites') $pivot
    $tool = Join-Path $toolFolder "sequor$suffix"
    # Programs of tests; each is a process of its own, as the virtual GPU is one a process.
    $tests = @()
    $testsLibraries = @()
    foreach ($name in 'Sequor.Tests', 'Sequor.Cuda.Tests', 'Sequor.Suites.Tests', 'Sequor.VirtualGpu.Tests') {
        $folder = Join-Path (Join-Path $bin $name) $pivot
        $tests += Join-Path $folder "$name$suffix"
        $testsLibraries += Join-Path $folder "$name.dll"
    }
    $suites = Join-Path $suitesFolder "Sequor.Suites$suffix"
    $countsFolder = Join-Path (Join-Path $bin 'Sequor.Counts') $pivot
    $counts = Join-Path $countsFolder "Sequor.Counts$suffix"
    $countsLibrary = Join-Path $countsFolder 'Sequor.Counts.dll'
    $replayFolder = Join-Path (Join-Path $bin 'Sequor.Replay') $pivot
    $replay = Join-Path $replayFolder "Sequor.Replay$suffix"
    $replayLibrary = Join-Path $replayFolder 'Sequor.Replay.dll'
    $contactFolder = Join-Path (Join-Path $bin 'Sequor.FirstContact') $pivot
    $contact = Join-Path $contactFolder "Sequor.FirstContact$suffix"
    $contactLibrary = Join-Path $contactFolder 'Sequor.FirstContact.dll'
    $siteFolder = Join-Path (Join-Path $bin 'Sequor.Site') $pivot
    $site = Join-Path $siteFolder "Sequor.Site$suffix"
    $siteLibrary = Join-Path $siteFolder 'Sequor.Site.dll'
    $noticesFolder = Join-Path (Join-Path $bin 'Sequor.Notices') $pivot
    $notices = Join-Path $noticesFolder "Sequor.Notices$suffix"
    $toolLibrary = Join-Path $toolFolder 'sequor.dll'
    $suitesLibrary = Join-Path $suitesFolder 'Sequor.Suites.dll'

    if ('build', 'bundle', 'clean', 'docs', 'kernels', 'pack', 'api' -ccontains $verb -and $rest.Count -gt 0) {
        Stop-Script "$verb takes no arguments." 2
    }
    if ($verb -ceq 'help') {
        $usage
        exit 0
    }
    elseif ($verb -ceq 'build') {
        Invoke-Build
        exit 0
    }
    elseif ($verb -ceq 'bundle') {
        # It takes the runtime of the machine that it is made on.
        if ($suffix) {
            Stop-Script 'bundle: the archive is for Linux; make it there, as in WSL, with ./build.sh bundle'
        }
        & (Join-Path $root 'build.sh') bundle
        exit $LASTEXITCODE
    }
    elseif ($verb -ceq 'publish') {
        $instructions = ''
        $single = $rest.Count -eq 1 -and $rest[0] -ceq '--no-v4'
        if ($rest.Count -eq 2 -and $rest[0] -ceq '--instructions') {
            $instructions = $rest[1]
            if ($instructions -cnotmatch '^[A-Za-z0-9_.,+-]+$') {
                Stop-Script ("publish: '$instructions' is no set of instructions," +
                    ' as x86-64-v4 or native is one.') 2
            }
        }
        elseif ($rest.Count -gt 0 -and -not $single) {
            Stop-Script 'publish takes no argument but --instructions SET or --no-v4.' 2
        }
        Invoke-Build
        $lock = Enter-Lock
        try {
            Publish-Program $instructions $single
        }
        finally {
            $lock.Dispose()
        }
        foreach ($file in @(Get-ChildItem -LiteralPath (Join-Path $artifacts 'publish') -File -Recurse |
            Where-Object { $_.Name -cmatch '^(sequor(\.exe)?|libsequor\.(so|dylib|dll|lib))$' })) {
            '{0}, {1} KiB' -f $file.FullName, [Math]::Ceiling($file.Length / 1024)
        }
        exit 0
    }
    elseif ($verb -ceq 'docs') {
        Invoke-Build
        Invoke-Program $site @($root, $bin, $pivot, (Join-Path $artifacts 'docs'))
        exit $LASTEXITCODE
    }
    elseif ($verb -ceq 'clean') {
        Remove-Output
        exit 0
    }
    elseif ($verb -ceq 'kernels') {
        Update-Kernel
        exit 0
    }
    elseif ($verb -ceq 'pack') {
        Invoke-Pack
        exit 0
    }
    elseif ($verb -ceq 'api') {
        Update-Api
        exit 0
    }
    elseif ($verb -ceq 'format') {
        $action = 'format'
        if ($rest.Count -eq 1 -and $rest[0] -ceq '--check') {
            $action = 'check'
        }
        elseif ($rest.Count -gt 0) {
            Stop-Script 'format takes no argument but --check.' 2
        }
        $dotnet = Find-Dotnet ''
        Use-Dotnet $dotnet
        Set-Location $root
        $output = @(Get-AllOutput $dotnet 'tool', 'restore')
        if ($LASTEXITCODE -ne 0) {
            foreach ($line in $output) {
                Write-Side $line
            }
            Stop-Script ('The formatter (csharpier, see .config/dotnet-tools.json)' +
                ' could not be restored.')
        }
        & $dotnet csharpier $action .
        exit $LASTEXITCODE
    }
    elseif ($verb -ceq 'test') {
        $options = @(Get-TestArgument $rest)
        Invoke-Build
        if (@($rest | Where-Object { $_ -cmatch '^(--help|-h|-\?)$' }).Count -gt 0) {
            Invoke-Program $tests[0] '--help'
            exit $LASTEXITCODE
        }
        # A wrong option is told in a line; the platform's own answer is all of its help.
        if ($script:handed) {
            $output = @(Get-AllOutput $tests[0] (@('--info') + $options))
            if ($LASTEXITCODE -ne 0) {
                # Without colours, which the platform has in CI.
                $line = $output[0] -replace "$([char] 27)\[[0-9;]*m", ''
                Stop-Script "test: $line; ./build.ps1 test --help lists the options." 2
            }
        }
        # dotnet runs the programs side by side and adds up their summaries; global.json beside it says by which platform.
        Set-Location $root
        # Patterns below the folder that dotnet is started in.
        $modules = @($testsLibraries[0..($script:programs - 1)] | ForEach-Object {
            $_.Substring($root.Length + 1).Replace('\', '/')
        })
        $options = @('test', '--test-modules', ($modules -join ';')) + $options
        # On a terminal the platform draws its progress, which a pipe would keep it from.
        if (-not [Console]::IsOutputRedirected) {
            Invoke-Program $script:dotnet $options
            exit $LASTEXITCODE
        }
        $output = New-Object 'System.Collections.Generic.List[string]'
        Invoke-Program $script:dotnet $options | ForEach-Object {
            $output.Add($_)
            $_
        }
        $code = $LASTEXITCODE
        Get-TestCount $output.ToArray()
        # A run in which every test was skipped has shown nothing.
        if ($code -eq 0 -and $script:least -and @($output -cmatch '^ *succeeded: 0$').Count -gt 0) {
            Stop-Script 'test: every test was skipped.' 8
        }
        exit $code
    }
    elseif ($verb -ceq 'bench' -and @($rest -cmatch '^--peers(=|$)').Count -gt 0) {
        Invoke-Build
        # By a script whose arguments these are.
        $python = @(Get-Command 'python3', 'python' -CommandType Application -ErrorAction SilentlyContinue)
        if ($python.Count -eq 0) {
            Stop-Script 'bench --peers needs Python 3, and found none on PATH.'
        }
        $compare = Join-Path (Join-Path (Join-Path $root 'Benchmarks') 'Peers') 'compare.py'
        Invoke-Program $python[0].Path (@($compare, '--sequor', $tool) + $rest)
        exit $LASTEXITCODE
    }
    elseif ($verb -ceq 'counts') {
        Invoke-Build
        Invoke-Program $counts (@($verb) + $rest)
        exit $LASTEXITCODE
    }
    elseif ($verb -ceq 'gate') {
        Invoke-Build
        $baselines = Join-Path (Join-Path $root 'Benchmarks') 'Baselines'
        Invoke-Program $counts (@($verb, '--baseline', $baselines) + $rest)
        exit $LASTEXITCODE
    }
    elseif ($verb -ceq 'suites') {
        Invoke-Build
        # BenchmarkDotNet looks for the project, and puts its reports, below the current directory.
        Set-Location $root
        Invoke-Program $suites $rest
        exit $LASTEXITCODE
    }
    elseif ($verb -ceq 'replay') {
        Invoke-Build
        Invoke-Program $replay $rest
        exit $LASTEXITCODE
    }
    elseif ($verb -ceq 'first-contact') {
        Invoke-Build
        Invoke-Program $contact $rest
        exit $LASTEXITCODE
    }
    else {
        Invoke-Build
        Invoke-Program $tool (@($verb) + $rest)
        exit $LASTEXITCODE
    }
}
finally {
    Set-Location $where
    foreach ($name in $variables) {
        [Environment]::SetEnvironmentVariable($name, $before[$name])
    }
}
